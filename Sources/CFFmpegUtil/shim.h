// What Swift cannot import: function-like macros and unions.
#include <errno.h>
#include <libavutil/avutil.h>
#include <libavutil/display.h>
#include <libavutil/error.h>
#include <libavutil/frame.h>
#include <libavutil/imgutils.h>
#include <libavutil/log.h>
#include <libavutil/mathematics.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>

static const int64_t ssat_nopts = AV_NOPTS_VALUE;
static inline int ssat_again(void) { return AVERROR(EAGAIN); }
static inline int ssat_eof(void) { return AVERROR_EOF; }
static inline int ssat_no_space(void) { return AVERROR(ENOSPC); }
static inline int ssat_exit(void) { return AVERROR_EXIT; }
