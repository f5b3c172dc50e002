/* Frames of a file that is mapped into memory, a stretch at a time, without copying a byte.

   Laws:
   1. A file that is cut while it is mapped ends the process with SIGBUS, unless somebody catches
      it. The handler here catches it for the stretch that this thread is reading, and for nothing
      else: any other SIGBUS goes to whom it would have gone to.
   2. If somebody else's handler stands in front of ours, nothing is mapped.
   3. Between the fault and the jump no memory is being handed out: bytes of the file are only
      looked at, or copied into room that is there already. The scanner is of no use afterwards. */

#ifndef TB_NAN_MAPPED_H
#define TB_NAN_MAPPED_H

#include "scan.h"

#define NOT_MAPPED 0
#define FILE_SHRANK (-1)

#if (defined(__unix__) || defined(__APPLE__)) && defined(__GNUC__)

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#define STRETCH ((int64_t)1 << 24)

typedef struct {
    Bytes begin, end;
    sigjmp_buf leave;
} Guard;

static __thread Guard *volatile guard;
static struct sigaction before_guard;
static volatile sig_atomic_t guard_stands, guard_spent;

static void guard_catches(int number, siginfo_t *info, void *context) {
    Guard *mine = guard;
    (void)context;
    if (mine != NULL && (Bytes)info->si_addr >= mine->begin && (Bytes)info->si_addr < mine->end)
        siglongjmp(mine->leave, 1);
    /* Not ours: whoever came before us is next, and after that the default, which ends it. */
    if (guard_spent) signal(number, SIG_DFL);
    else sigaction(number, &before_guard, NULL);
    guard_spent = 1;
    guard_stands = 0;
    if (info->si_code <= 0) raise(number); /* sent, and so not coming again by itself */
}

/* Put the guard up once; the caller holds the interpreter's lock. */
static void guard_setup(void) {
    struct sigaction ours;
    if (guard_stands || guard_spent) return;
    memset(&ours, 0, sizeof ours);
    ours.sa_sigaction = guard_catches;
    ours.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
    sigemptyset(&ours.sa_mask);
    guard_stands = sigaction(SIGBUS, &ours, &before_guard) == 0;
}

static int guard_is_up(void) {
    struct sigaction now;
    return guard_stands && sigaction(SIGBUS, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) &&
           now.sa_sigaction == guard_catches;
}

/* Scan one stretch; return the bytes used, FILE_SHRANK, or NOT_MAPPED. */
static int64_t scan_stretch(Scan *scan, int file, int64_t offset, int64_t size, int *trouble) {
    int64_t page = (int64_t)sysconf(_SC_PAGESIZE), aside = offset % page;
    size_t whole = (size_t)(size + aside);
    volatile int64_t used = NOT_MAPPED;
    Guard here;
    uint8_t *begin = mmap(NULL, whole, PROT_READ, MAP_SHARED, file, (off_t)(offset - aside));
    if (begin == MAP_FAILED) return NOT_MAPPED;
    here.begin = begin;
    here.end = begin + whole;
    if (sigsetjmp(here.leave, 0) == 0) {
        guard = &here;
        used = (int64_t)scan_block(scan, begin + aside, (size_t)size, offset, trouble);
    } else {
        used = FILE_SHRANK;
    }
    guard = NULL;
    munmap(begin, whole);
    return used;
}

/* How long a stretch must be to hold the frame at `offset` whole; 0 if no more can be said. */
static int64_t frame_size(int file, int64_t offset) {
    uint8_t header[HEADER];
    if (pread(file, header, HEADER, (off_t)offset) != HEADER) return 0;
    uint64_t length = load_u64(header);
    return length > LONGEST ? 0 : (int64_t)(OVERHEAD + length);
}

/* Take in frames from `offset` on, as long as they are sound and lie before `end`; return how many
   bytes they have, which may be none at all, or FILE_SHRANK. */
static int64_t scan_mapped(Scan *scan, int file, int64_t offset, int64_t end) {
    int64_t at = offset, size = STRETCH;
    int trouble = BLOCK_ENDS;
    if (!guard_is_up()) return NOT_MAPPED;
    while (at < end && trouble == BLOCK_ENDS && !scan->failed) {
        if (size > end - at) size = end - at;
        int64_t used = scan_stretch(scan, file, at, size, &trouble);
        if (used < 0) return used;
        at += used;
        if (used > 0) {
            size = STRETCH;
        } else {
            int64_t needed = frame_size(file, at);
            if (needed <= size || needed > end - at) break;
            size = needed;
        }
    }
    return at - offset;
}

#else

static void guard_setup(void) {}

static int64_t scan_mapped(Scan *scan, int file, int64_t offset, int64_t end) {
    (void)scan, (void)file, (void)offset, (void)end;
    return NOT_MAPPED;
}

#endif

#endif
