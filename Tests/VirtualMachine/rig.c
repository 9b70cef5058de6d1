// The other programs of the tests: one that plays a clip into a loopback device as a camera would, one that reads a device as a
// video call would, one that compares recordings. Plain V4L2, nothing of ssat-live.
//   rig play DEVICE FILE WIDTH HEIGHT FPS FORMAT YUYV, GREY or MJPG frames, over and over, until killed; says
//                                                "playing" after the first
//   rig read DEVICE COUNT SECONDS FILE [KIND]    whole frames as the device gives them until COUNT have come (of KIND: picture is
//                                                what is not the placeholder, flat is what is); prints format and how many in all
//                                                before it ends, also when it is told to (SIGTERM)
//   rig size DEVICE WIDTH HEIGHT                 sets an output's format (YU12), as another program would, and leaves it
//   rig watch DEVICE SECONDS                     opens and streams for so long, keeps nothing
//   rig compare BARE MADE WIDTH HEIGHT           YU12 recordings; see below
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static int fail(const char *what) {
  printf("rig: %s: %s\n", what, strerror(errno));
  return 1;
}

static int open_output(const char *path, int width, int height, unsigned format) {
  int device = open(path, O_RDWR);
  struct v4l2_format f = {.type = V4L2_BUF_TYPE_VIDEO_OUTPUT};
  f.fmt.pix.width = width, f.fmt.pix.height = height, f.fmt.pix.pixelformat = format, f.fmt.pix.field = V4L2_FIELD_NONE;
  if (device < 0 || ioctl(device, VIDIOC_S_FMT, &f) < 0) return -1;
  return device;
}

/// Length of the JPEG picture that begins at `at`.
static long jpeg_length(const unsigned char *all, long at, long size) {
  for (long i = at + 2; i + 1 < size; i++)
    if (all[i] == 0xff && all[i + 1] == 0xd9) return i + 2 - at;
  return size - at;
}

static int play(char **a) {
  static unsigned char all[8 << 20];
  int width = atoi(a[2]), height = atoi(a[3]), jpeg = !strcmp(a[5], "MJPG"), begun = 0;
  unsigned format = v4l2_fourcc(a[5][0], a[5][1], a[5][2], a[5][3]);
  FILE *file = fopen(a[1], "rb");
  int device = open_output(a[0], width, height, format);
  if (device < 0 || !file) return fail("play");
  long size = fread(all, 1, sizeof all, file), raw = (long)width * height * (format == V4L2_PIX_FMT_GREY ? 1 : 2);
  for (long at = 0;; at = at >= size ? 0 : at) {
    long length = jpeg ? jpeg_length(all, at, size) : raw;
    if (at + length > size) {
      at = size;
      continue;
    }
    if (write(device, all + at, length) != length) return fail("write");
    if (!begun) begun = printf("playing\n");
    at += length;
    usleep((useconds_t)(1e6 / atof(a[4])));
  }
}

/// A writer that sets a size, shows one picture and goes.
static int set_size(char **a) {
  int width = atoi(a[1]), height = atoi(a[2]), size = width * height * 3 / 2;
  int device = open_output(a[0], width, height, V4L2_PIX_FMT_YUV420);
  if (device < 0 || write(device, calloc(1, size), size) != size) return fail("size");
  return 0;
}

/// Whether a frame is of one colour: YUYV repeats after four bytes; of YU12, luma is looked at.
static int is_flat(const unsigned char *frame, long size, unsigned format) {
  long step = format == V4L2_PIX_FMT_YUYV ? 2 : 1, luma = step == 2 ? size : size * 2 / 3;
  int lowest = 255, highest = 0;
  for (long i = 0; i < luma; i += step) {
    lowest = frame[i] < lowest ? frame[i] : lowest;
    highest = frame[i] > highest ? frame[i] : highest;
  }
  return highest - lowest < 3;
}

static volatile sig_atomic_t told_to_end;
static void end(int signal) { told_to_end = signal; }

/// Streams from a device by mapped buffers; writes whole frames to `out` unless it is null. `kind`: which frames count.
static int stream(const char *path, int count, double seconds, FILE *out, const char *kind) {
  int device = open(path, O_RDWR | O_NONBLOCK);
  struct v4l2_format f = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
  if (device < 0 || ioctl(device, VIDIOC_G_FMT, &f) < 0) return fail("open a reader");
  struct v4l2_requestbuffers r = {.count = 4, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
  if (ioctl(device, VIDIOC_REQBUFS, &r) < 0) return fail("buffers");
  void *memory[32];
  for (unsigned i = 0; i < r.count; i++) {
    struct v4l2_buffer b = {.index = i, .type = r.type, .memory = r.memory};
    if (ioctl(device, VIDIOC_QUERYBUF, &b) < 0) return fail("buffer");
    memory[i] = mmap(0, b.length, PROT_READ | PROT_WRITE, MAP_SHARED, device, b.m.offset);
    if (ioctl(device, VIDIOC_QBUF, &b) < 0) return fail("queue");
  }
  int type = r.type;
  if (ioctl(device, VIDIOC_STREAMON, &type) < 0) return fail("start");
  signal(SIGTERM, end);
  unsigned fourcc = f.fmt.pix.pixelformat;
  printf("%ux%u %.4s", f.fmt.pix.width, f.fmt.pix.height, (char *)&fourcc);
  int got = 0, counted = 0;
  long long last = -1;
  for (double until = now() + seconds; counted < count && now() < until && !told_to_end;) {
    struct pollfd p = {device, POLLIN, 0};
    if (poll(&p, 1, 200) <= 0) continue;
    struct v4l2_buffer b = {.type = r.type, .memory = r.memory};
    if (ioctl(device, VIDIOC_DQBUF, &b) < 0) {
      if (errno == EAGAIN) continue;
      return fail("dequeue");
    }
    long long time = b.timestamp.tv_sec * 1000000LL + b.timestamp.tv_usec;
    if (time < last) printf(" BACKWARDS");
    last = time;
    if (b.bytesused != f.fmt.pix.sizeimage) printf(" SHORT");
    if (out) fwrite(memory[b.index], 1, b.bytesused, out), fflush(out);
    got++;
    counted += !kind || is_flat(memory[b.index], b.bytesused, fourcc) == !strcmp(kind, "flat");
    ioctl(device, VIDIOC_QBUF, &b);
  }
  printf(" %d frames\n", got);
  return counted == 0;
}

/// Of every frame of `made`: flat (the placeholder), blurred (no edges left), bare (the same as a bare frame), or made up
/// (like a bare frame but for some of it). Counts each.
static int compare(char **a) {
  int width = atoi(a[2]), height = atoi(a[3]), luma = width * height, size = luma * 3 / 2;
  FILE *bare = fopen(a[0], "rb"), *made = fopen(a[1], "rb");
  if (!bare || !made) return fail("compare");
  static unsigned char all[64][1 << 20], frame[1 << 20];
  int count = 0, flat = 0, blurred = 0, same = 0, up = 0, other = 0;
  while (count < 64 && fread(all[count], 1, size, bare) == (size_t)size) count += !is_flat(all[count], size, V4L2_PIX_FMT_YUV420);
  while (fread(frame, 1, size, made) == (size_t)size) {
    long edges = 0;
    for (int i = 1; i < luma; i++) edges += i % width && abs(frame[i] - frame[i - 1]) > 40;
    double best = 1;
    for (int k = 0; k < count; k++) {
      long changed = 0;
      for (int i = 0; i < size; i++) changed += abs(frame[i] - all[k][i]) > 3;
      if ((double)changed / size < best) best = (double)changed / size;
    }
    if (is_flat(frame, size, V4L2_PIX_FMT_YUV420)) flat++;
    else if (edges < luma / 400) blurred++;
    else if (best < 0.0005) same++;
    else if (best < 0.3) up++;
    else other++;
  }
  printf("flat %d blurred %d bare %d made-up %d other %d\n", flat, blurred, same, up, other);
  return 0;
}

int main(int n, char **a) {
  setbuf(stdout, 0);
  if (n == 8 && !strcmp(a[1], "play")) return play(a + 2);
  if ((n == 6 || n == 7) && !strcmp(a[1], "read")) return stream(a[2], atoi(a[3]), atof(a[4]), fopen(a[5], "wb"), n == 7 ? a[6] : 0);
  if (n == 5 && !strcmp(a[1], "size")) return set_size(a + 2);
  if (n == 4 && !strcmp(a[1], "watch")) return stream(a[2], 1 << 30, atof(a[3]), 0, 0);
  if (n == 6 && !strcmp(a[1], "compare")) return compare(a + 2);
  printf("rig: wrong call\n");
  return 64;
}
