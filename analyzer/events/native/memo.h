/* What an event looked like the last time its tag came: only time, step and number differ.

   A log repeats itself. A payload that equals the remembered one in every byte outside these three
   fields, and whose step has the same length, is parsed the same way, so it need not be parsed.

   Laws:
   1. A memo is made of a payload that was parsed in full, and holds for its bytes alone: tag, text
      and types are among those that must be equal.
   2. What a tensor is read as depends on its tag's role too, so a memo holds for that role alone.
   3. Memos are a cache of bounded size; losing one costs time only. */

#ifndef TB_NAN_MEMO_H
#define TB_NAN_MEMO_H

#include "tags.h"

#define MEMO_BYTES 128
#define MEMOS 256
#define MEMOS_FEW 8
#define MEMOS_FROM 256 /* points: as many memos from here on */

typedef struct {
    uint32_t tag;
    uint16_t size;                    /* of the payload; 0 if there is no memo */
    uint8_t role;                     /* of the tag then */
    uint8_t wall, step, step_size;    /* where in the payload; size 0 if it says none */
    uint8_t number, number_size;      /* 4 or 8 bytes */
    uint64_t bytes[MEMO_BYTES / 8];
    uint64_t mask[MEMO_BYTES / 8];    /* ones where bytes must be equal */
    uint64_t last, last_mask;         /* the last 8 bytes of the payload */
} Memo;

static inline void memo_free_bytes(uint8_t *mask, size_t at, size_t size) {
    memset(mask + at, 0, size);
}

/* Remember a payload of one value, if it is of the kind that repeats. */
static void memo_make(Memo *memo, const Event *event, const Value *value, Span payload,
                      uint32_t tag, uint8_t role) {
    memo->size = 0;
    if (payload.size > MEMO_BYTES || payload.size < 8 || value->bits == NULL ||
        event->wall_bits == NULL)
        return;
    uint8_t mask[MEMO_BYTES];
    memset(mask, 0, sizeof mask);
    memset(mask, 0xFF, payload.size);
    memset(memo->bytes, 0, sizeof memo->bytes);
    memcpy(memo->bytes, payload.at, payload.size);
    memo->tag = tag;
    memo->role = role;
    memo->wall = (uint8_t)(event->wall_bits - payload.at);
    memo->step = (uint8_t)(event->step_size ? event->step_bits - payload.at : 0);
    memo->step_size = event->step_size;
    memo->number = (uint8_t)(value->bits - payload.at);
    memo->number_size = value->bits_size;
    memo_free_bytes(mask, memo->wall, 8);
    memo_free_bytes(mask, memo->step, memo->step_size);
    memo_free_bytes(mask, memo->number, memo->number_size);
    memcpy(memo->mask, mask, sizeof mask);
    memcpy(&memo->last, payload.at + payload.size - 8, 8);
    memcpy(&memo->last_mask, mask + payload.size - 8, 8);
    memo->size = (uint16_t)payload.size;
}

static inline int memo_step(const Memo *memo, Bytes payload, int64_t *step) {
    Bytes p = payload + memo->step;
    uint64_t value = 0;
    for (int i = 0; i < memo->step_size; i++) {
        if ((p[i] >= 0x80) != (i < memo->step_size - 1)) return 0;
        value |= (uint64_t)(p[i] & 0x7F) << (7 * i);
    }
    *step = (int64_t)value;
    return 1;
}

/* Tell whether the payload is the remembered one but for its three fields, and read these. */
static inline int memo_read(const Memo *memo, Span payload, double *wall_time, int64_t *step,
                            double *number) {
    if (memo->size == 0 || memo->size != payload.size) return 0;
    uint64_t differs = 0, word;
    size_t whole = payload.size / 8;
    for (size_t i = 0; i < whole; i++) {
        memcpy(&word, payload.at + 8 * i, 8);
        differs |= (word ^ memo->bytes[i]) & memo->mask[i];
    }
    memcpy(&word, payload.at + payload.size - 8, 8);
    differs |= (word ^ memo->last) & memo->last_mask;
    if (differs || !memo_step(memo, payload.at, step)) return 0;
    *wall_time = double_of(load_u64(payload.at + memo->wall));
    Bytes bits = payload.at + memo->number;
    *number = memo->number_size == 4 ? float_of(load_u32(bits)) : double_of(load_u64(bits));
    return 1;
}

#endif
