// What Swift cannot import: function-like macros, unions and variadic functions.
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
#include <sys/prctl.h>

static const int64_t ssat_nopts = AV_NOPTS_VALUE;
static inline int ssat_again(void) { return AVERROR(EAGAIN); }
static inline int ssat_eof(void) { return AVERROR_EOF; }
static inline int ssat_no_space(void) { return AVERROR(ENOSPC); }
static inline int ssat_exit(void) { return AVERROR_EXIT; }
/// For the whole program, from now on.
static inline void ssat_leave_huge_pages(void) { prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); }
