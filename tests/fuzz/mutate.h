/* A mutator that knows frames and fields, for checksums and lengths would stop nearly all others.

   Laws:
   1. Most mutations change one payload and frame it anew with right checksums; some are of the raw
      bytes, so damage is met too, and stays in the files that descend from it.
   2. Inside a payload a field is changed and the lengths of all that hold it are put right. */

#ifndef TB_NAN_MUTATE_H
#define TB_NAN_MUTATE_H

#include "exercise.h"

#define LARGEST ((size_t)1 << 16) /* of a file */
#define MOST_FRAMES 512
#define MOST_FIELDS 64
#define NESTED 8

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

static uint64_t chance;

static size_t below(size_t limit) {
    chance = mix(chance, 0x5EED);
    return limit ? (size_t)((chance >> 16) % limit) : 0;
}

static size_t write_varint(uint8_t *to, uint64_t value) {
    size_t size = 0;
    for (; value > 0x7F; value >>= 7) to[size++] = (uint8_t)(value | 0x80);
    to[size++] = (uint8_t)value;
    return size;
}

static size_t write_frame(uint8_t *to, const uint8_t *payload, size_t size) {
    uint64_t length = size;
    uint32_t crc;
    memmove(to + HEADER, payload, size);
    memcpy(to, &length, 8);
    crc = masked_crc32c(to, 8);
    memcpy(to + 8, &crc, 4);
    crc = masked_crc32c(to + HEADER, size);
    memcpy(to + HEADER + size, &crc, 4);
    return OVERHEAD + size;
}

/* A field as a writer might add it: any number, any wire type, a likely content. */
static size_t write_field(uint8_t *to, size_t most) {
    static const char *const words[] = {"nan", "scalars", "loss", "a", "", "text", "\xC3\xBC"};
    static const uint64_t numbers[] = {0, 1, 2, 3, 7, 19, 127, 128, 1u << 31, 1ull << 32, ~0ull};
    if (most < 32) return 0;
    uint64_t number = below(16) ? 1 + below(18) : below(1 << 16), wire = below(6);
    size_t size = write_varint(to, number << 3 | wire);
    uint64_t value = numbers[below(sizeof numbers / sizeof *numbers)];
    if (wire == VARINT) return size + write_varint(to + size, value);
    if (wire == BYTES) {
        const char *word = words[below(sizeof words / sizeof *words)];
        size_t length = below(3) ? strlen(word) : below(9);
        to[size++] = (uint8_t)length;
        memset(to + size, (int)below(256), length);
        if (length == strlen(word)) memcpy(to + size, word, length);
        return size + length;
    }
    for (int i = 0; i < 8; i++) to[size + (size_t)i] = (uint8_t)below(256);
    return size + (wire == FIXED64 ? 8 : wire == FIXED32 ? 4 : 0);
}

typedef struct { size_t length_at; Span content; } Field;

static size_t nested_fields(Field *fields, Bytes data, size_t size) {
    size_t count = 0;
    Bytes end = data + size;
    for (Bytes p = data; p < end && count < MOST_FIELDS;) {
        uint32_t tag;
        Bytes q = read_tag(p, end, &tag);
        if (q == NULL) break;
        if ((tag & 7) == BYTES) {
            fields[count].length_at = (size_t)(q - data);
            if ((p = read_span(q, end, &fields[count].content)) == NULL) break;
            count++;
        } else if ((p = skip_field(q, end, tag, DEPTH)) == NULL) {
            break;
        }
    }
    return count;
}

/* Change a message in place, in it or in a message within; return its new size. */
static size_t mutate_message(uint8_t *data, size_t size, size_t most, int depth) {
    static uint8_t inside[NESTED][LARGEST];
    Field fields[MOST_FIELDS];
    size_t count = depth < NESTED ? nested_fields(fields, data, size) : 0;
    if (count && below(5)) {
        Field field = fields[below(count)];
        size_t after = (size_t)(field.content.at - data) + field.content.size;
        size_t rest = size - after, old = field.content.size;
        memcpy(inside[depth], field.content.at, old);
        size_t spare = most > size + 5 ? most - size - 5 : 0;
        size_t new = mutate_message(inside[depth], old, old + spare, depth + 1);
        uint8_t length[10];
        size_t length_size = write_varint(length, new);
        if (field.length_at + length_size + new + rest > most) return size;
        memmove(data + field.length_at + length_size + new, data + after, rest);
        memcpy(data + field.length_at, length, length_size);
        memcpy(data + field.length_at + length_size, inside[depth], new);
        return field.length_at + length_size + new + rest;
    }
    if (count && below(4) == 0) { /* the same field once more */
        Field field = fields[below(count)];
        size_t begin = field.length_at ? field.length_at - 1 : 0;
        size_t long_size = (size_t)(field.content.at - data) + field.content.size - begin;
        if (size + long_size <= most) {
            memmove(data + size, data + begin, long_size);
            return size + long_size;
        }
    }
    if (below(3) == 0) return size + write_field(data + size, most - size);
    if (most == 0) return 0;
    return LLVMFuzzerMutate(data, size, most);
}

static size_t find_frames(size_t *starts, Bytes file, size_t size) {
    size_t count = 0, at = 0;
    while (count < MOST_FRAMES && size - at >= OVERHEAD) {
        uint64_t length = load_u64(file + at);
        if (length > size - at - OVERHEAD) break;
        starts[count++] = at;
        at += OVERHEAD + (size_t)length;
    }
    starts[count] = at;
    return count;
}

/* Replace `[from, to)` of the file, if the result is not too large. */
static size_t splice(uint8_t *file, size_t size, size_t most, size_t from, size_t to,
                     const uint8_t *new, size_t new_size) {
    if (size - (to - from) + new_size > most) return size;
    memmove(file + from + new_size, file + to, size - to);
    memcpy(file + from, new, new_size);
    return size - (to - from) + new_size;
}

/* A payload that differs from `payload` in a few bytes and not in size: what memos must tell. */
static void vary(uint8_t *payload, size_t size) {
    for (size_t times = 1 + below(4); size && times; times--)
        payload[below(size)] ^= (uint8_t)(below(3) ? 1u << below(8) : below(256));
}

size_t LLVMFuzzerCustomMutator(uint8_t *file, size_t size, size_t most, unsigned seed) {
    static uint8_t payload[LARGEST], frame[LARGEST + OVERHEAD];
    size_t starts[MOST_FRAMES + 1], choice;
    set_up();
    chance = mix(seed, size);
    size_t count = find_frames(starts, file, size);
    if ((choice = below(16)) == 0 || most > LARGEST) return LLVMFuzzerMutate(file, size, most);
    size_t which = below(count + (choice == 1)), at = starts[which];
    if (which == count) { /* a new record at the end, of a field or two */
        size_t new_size = write_field(payload, sizeof payload);
        new_size += write_field(payload + new_size, sizeof payload - new_size);
        new_size = write_frame(frame, payload, new_size);
        return splice(file, size, most, at, at, frame, new_size);
    }
    size_t end = starts[which + 1], payload_size = end - at - OVERHEAD;
    memcpy(payload, file + at + HEADER, payload_size);
    if (choice < 4) { /* again, varied, once or more, before any frame */
        size_t to = starts[below(count + 1)];
        for (size_t times = 1 + below(3); times; times--) {
            vary(payload, payload_size * (below(4) != 0));
            size_t new_size = write_frame(frame, payload, payload_size);
            size = splice(file, size, most, to, to, frame, new_size);
        }
        return size;
    }
    if (choice == 4) return splice(file, size, most, at, end, frame, 0);
    if (choice == 5) { /* two payloads in one record: Protocol Buffers merge them */
        size_t other = below(count), other_size = starts[other + 1] - starts[other] - OVERHEAD;
        if (payload_size + other_size > sizeof payload) return size;
        memcpy(payload + payload_size, file + starts[other] + HEADER, other_size);
        payload_size += other_size;
    } else if (choice == 6) {
        vary(payload, payload_size);
    } else {
        size_t spare = most > size ? most - size : 0;
        payload_size = mutate_message(payload, payload_size, payload_size + spare, 0);
    }
    size_t new_size = write_frame(frame, payload, payload_size);
    return splice(file, size, most, at, end, frame, new_size);
}

#endif
