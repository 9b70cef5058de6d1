// What Swift cannot import from <linux/videodev2.h>: ioctl is variadic, its request numbers and the pixel formats are
// function-like macros.
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/// 0 or more, or minus the error number. Goes on after a signal.
static inline int ssat_v4l2_ioctl(int device, unsigned long request, void *argument) {
  int result;
  do result = ioctl(device, request, argument);
  while (result < 0 && errno == EINTR);
  return result < 0 ? -errno : result;
}

static inline int ssat_v4l2_open(const char *path) {
  int device = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  return device < 0 ? -errno : device;
}

static inline int64_t ssat_monotonic_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static const unsigned long ssat_vidioc_querycap = VIDIOC_QUERYCAP;
static const unsigned long ssat_vidioc_enum_fmt = VIDIOC_ENUM_FMT;
static const unsigned long ssat_vidioc_enum_framesizes = VIDIOC_ENUM_FRAMESIZES;
static const unsigned long ssat_vidioc_enum_frameintervals = VIDIOC_ENUM_FRAMEINTERVALS;
static const unsigned long ssat_vidioc_g_fmt = VIDIOC_G_FMT;
static const unsigned long ssat_vidioc_s_fmt = VIDIOC_S_FMT;
static const unsigned long ssat_vidioc_s_parm = VIDIOC_S_PARM;
static const unsigned long ssat_vidioc_g_parm = VIDIOC_G_PARM;
static const unsigned long ssat_vidioc_reqbufs = VIDIOC_REQBUFS;
static const unsigned long ssat_vidioc_querybuf = VIDIOC_QUERYBUF;
static const unsigned long ssat_vidioc_qbuf = VIDIOC_QBUF;
static const unsigned long ssat_vidioc_dqbuf = VIDIOC_DQBUF;
static const unsigned long ssat_vidioc_streamon = VIDIOC_STREAMON;
static const unsigned long ssat_vidioc_streamoff = VIDIOC_STREAMOFF;
static const unsigned long ssat_vidioc_subscribe_event = VIDIOC_SUBSCRIBE_EVENT;
static const unsigned long ssat_vidioc_dqevent = VIDIOC_DQEVENT;

static const uint32_t ssat_format_yuyv = V4L2_PIX_FMT_YUYV;
static const uint32_t ssat_format_uyvy = V4L2_PIX_FMT_UYVY;
static const uint32_t ssat_format_nv12 = V4L2_PIX_FMT_NV12;
static const uint32_t ssat_format_yuv420 = V4L2_PIX_FMT_YUV420;
static const uint32_t ssat_format_mjpeg = V4L2_PIX_FMT_MJPEG;
static const uint32_t ssat_format_jpeg = V4L2_PIX_FMT_JPEG;

static const uint32_t ssat_capability_capture = V4L2_CAP_VIDEO_CAPTURE;
static const uint32_t ssat_capability_output = V4L2_CAP_VIDEO_OUTPUT;
static const uint32_t ssat_capability_streaming = V4L2_CAP_STREAMING;
static const uint32_t ssat_capability_device = V4L2_CAP_DEVICE_CAPS;

/// v4l2loopback 0.12.6 and later: how many programs read the device.
static const uint32_t ssat_event_client_usage = V4L2_EVENT_PRIVATE_START + 0x08E00000 + 1;
static const uint32_t ssat_event_send_initial = V4L2_EVENT_SUB_FL_SEND_INITIAL;
/// The picture that comes has another size now.
static const uint32_t ssat_event_source_change = V4L2_EVENT_SOURCE_CHANGE;
