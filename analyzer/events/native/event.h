/* One Event: checked whole first, then handed over value by value.

   Laws:
   1. parse_event() has no effect but on its Event; a payload that is no Event leaves no trace.
   2. Of the members of a oneof the last one stands; the same message twice is merged, as Protocol
      Buffers demand. A Summary's values count from the last time `what` became a summary.
   3. The first VALUES_KEPT values are kept as parsed; an event with more is walked again, so that
      memory does not grow with the number of values in one event. */

#ifndef TB_NAN_EVENT_H
#define TB_NAN_EVENT_H

#include "tensor.h"

#define VALUES_KEPT 16

/* What a Value holds: the number of its oneof member in summary.proto. */
enum { HOLDS_NOTHING = 0, HOLDS_NUMBER = 2, HOLDS_TENSOR = 8 };
/* What metadata says a tag is read as. */
enum { ROLE_NONE, ROLE_SCALAR, ROLE_HEALTH, ROLE_OTHER };
enum { WHAT_VERSION = 3, WHAT_SUMMARY = 5, WHAT_SESSION = 7 };

typedef struct {
    Span tag;     /* UTF-8 */
    Span whole;   /* the Value's own bytes */
    Span block;   /* the first string of a string tensor; at == NULL if there is none */
    Bytes bits;   /* where the number lies, if as a float or double; else NULL */
    double number;
    uint64_t integer; /* the same, if `exceeds` says that a double cannot hold it */
    uint8_t holds, role, is_number, bits_size;
    uint8_t exceeds;  /* 1: `integer` is signed, 2: it is unsigned */
} Value;

typedef struct {
    double wall_time;
    int64_t step;
    Span version;
    Bytes wall_bits, step_bits; /* where these two lie; NULL if nowhere */
    uint8_t step_size;
    Bytes live;   /* where the summary that stands begins */
    int32_t session;
    uint8_t what;
    size_t count; /* of its values */
    Value values[VALUES_KEPT];
} Event;

typedef struct {
    Span plugin;
    int32_t data_class;
    uint8_t present;
} Metadata;

static int parse_plugin(Metadata *metadata, Span span, int depth) {
    Bytes p = span.at, end = p + span.size;
    uint32_t tag;
    while (p < end) {
        if ((p = read_tag(p, end, &tag)) == NULL) return 0;
        if (tag == (1 << 3 | BYTES)) p = read_text(p, end, &metadata->plugin);
        else p = skip_field(p, end, tag, depth);
        if (p == NULL) return 0;
    }
    return 1;
}

static int parse_metadata(Metadata *metadata, Span span, int depth) {
    Bytes p = span.at, end = p + span.size;
    uint64_t value;
    uint32_t tag;
    Span inner;
    metadata->present = 1;
    while (p < end) {
        if ((p = read_tag(p, end, &tag)) == NULL) return 0;
        if (tag == (1 << 3 | BYTES)) {
            p = read_span(p, end, &inner);
            if (p != NULL && (depth <= 0 || !parse_plugin(metadata, inner, depth - 1))) return 0;
        } else if (tag == (2 << 3 | BYTES) || tag == (3 << 3 | BYTES)) {
            p = read_text(p, end, &inner);
        } else if (tag == (4 << 3 | VARINT)) {
            p = read_varint(p, end, &value);
            if (p != NULL) metadata->data_class = (int32_t)(uint32_t)value;
        } else {
            p = skip_field(p, end, tag, depth);
        }
        if (p == NULL) return 0;
    }
    return 1;
}

static inline int is_named(Span span, const char *name, size_t size) {
    return span.size == size && memcmp(span.at, name, size) == 0;
}

static uint8_t role_of(const Metadata *metadata) {
    if (!metadata->present) return ROLE_NONE;
    if (is_named(metadata->plugin, "nan", 3)) return ROLE_HEALTH;
    if (is_named(metadata->plugin, "scalars", 7) || metadata->data_class == 1) return ROLE_SCALAR;
    return metadata->plugin.size ? ROLE_OTHER : ROLE_NONE;
}

static void finish_value(Value *value, const Tensor *tensor, const Metadata *metadata) {
    value->role = role_of(metadata);
    if (value->holds == HOLDS_NUMBER) {
        value->is_number = 1;
    } else if (value->holds == HOLDS_TENSOR) {
        value->is_number = (uint8_t)only_number(tensor, &value->number);
        value->bits = value->is_number ? float_bits(tensor, &value->bits_size) : NULL;
        if (value->is_number && exceeds_double(tensor, &value->integer))
            value->exceeds = tensor->dtype == DT_INT64 ? 1 : 2;
        if (tensor->dtype == DT_STRING && tensor->count[T_STRING]) value->block = tensor->text;
    }
}

static int parse_value(Value *value, Span span, int depth) {
    Bytes p = span.at, end = p + span.size;
    Metadata metadata = {{NULL, 0}, 0, 0};
    Tensor tensor;
    uint32_t tag;
    Span inner;
    value->whole = span;
    value->tag.at = span.at;
    value->tag.size = 0;
    value->block.at = value->bits = NULL;
    value->holds = value->is_number = value->exceeds = 0;
    while (p < end) {
        if ((p = read_tag(p, end, &tag)) == NULL) return 0;
        switch (tag) {
        case 1 << 3 | BYTES: p = read_text(p, end, &value->tag); break;
        case 2 << 3 | FIXED32:
            if (end - p < 4) return 0;
            value->number = float_of(load_u32(p));
            value->bits = p;
            value->bits_size = 4;
            value->holds = HOLDS_NUMBER;
            p += 4;
            break;
        case 8 << 3 | BYTES:
            if (value->holds != HOLDS_TENSOR) tensor_clear(&tensor);
            value->holds = HOLDS_TENSOR;
            p = read_span(p, end, &inner);
            if (p != NULL && (depth <= 0 || !parse_tensor(&tensor, inner, depth - 1))) return 0;
            break;
        case 9 << 3 | BYTES:
            p = read_span(p, end, &inner);
            if (p != NULL && (depth <= 0 || !parse_metadata(&metadata, inner, depth - 1))) return 0;
            break;
        case 7 << 3 | BYTES: p = read_text(p, end, &inner); break;
        case 3 << 3 | BYTES: case 4 << 3 | BYTES: case 5 << 3 | BYTES: case 6 << 3 | BYTES: {
            uint8_t kind = schema[VALUE][tag >> 3];
            value->holds = (uint8_t)(tag >> 3);
            p = read_span(p, end, &inner);
            if (p != NULL && kind >= MESSAGE &&
                (depth <= 0 || !check_message(inner, kind - MESSAGE, depth - 1)))
                return 0;
            break;
        }
        default: p = skip_field(p, end, tag, depth);
        }
        if (p == NULL) return 0;
    }
    finish_value(value, &tensor, &metadata);
    return 1;
}

static int parse_summary(Event *event, Span span, int depth) {
    Bytes p = span.at, end = p + span.size;
    Value beyond;
    uint32_t tag;
    Span inner;
    while (p < end) {
        if ((p = read_tag(p, end, &tag)) == NULL) return 0;
        if (tag == (1 << 3 | BYTES)) {
            Value *value = event->count < VALUES_KEPT ? &event->values[event->count] : &beyond;
            p = read_span(p, end, &inner);
            if (p != NULL && (depth <= 0 || !parse_value(value, inner, depth - 1))) return 0;
            event->count++;
        } else {
            p = skip_field(p, end, tag, depth);
        }
        if (p == NULL) return 0;
    }
    return 1;
}

static int parse_session(Event *event, Span span, int depth) {
    Bytes p = span.at, end = p + span.size;
    uint64_t value;
    uint32_t tag;
    Span inner;
    while (p < end) {
        if ((p = read_tag(p, end, &tag)) == NULL) return 0;
        if (tag == (1 << 3 | VARINT)) {
            if ((p = read_varint(p, end, &value)) != NULL) event->session = (int32_t)(uint32_t)value;
        } else if (tag == (2 << 3 | BYTES) || tag == (3 << 3 | BYTES)) {
            p = read_text(p, end, &inner);
        } else {
            p = skip_field(p, end, tag, depth);
        }
        if (p == NULL) return 0;
    }
    return 1;
}

static int parse_member(Event *event, uint32_t number, Span span, Bytes at) {
    uint8_t kind = schema[EVENT][number];
    if (event->what != number && number != 10) {
        event->what = (uint8_t)number;
        event->session = 0;
        event->count = 0;
        event->live = at;
    }
    if (number == WHAT_SUMMARY) return parse_summary(event, span, DEPTH - 1);
    if (number == WHAT_SESSION) return parse_session(event, span, DEPTH - 1);
    if (number == WHAT_VERSION) {
        event->version = span;
        return is_utf8(span);
    }
    return kind < MESSAGE || check_message(span, kind - MESSAGE, DEPTH - 1);
}

/* Tell whether the payload is an Event, and put what is used of it into `event`. */
static int parse_event(Event *event, Span payload) {
    Bytes p = payload.at, end = p + payload.size;
    uint64_t value;
    uint32_t tag;
    Span inner;
    event->wall_time = 0;
    event->step = 0;
    event->wall_bits = event->step_bits = NULL;
    event->step_size = 0;
    event->what = 0;
    event->count = 0;
    while (p < end) {
        Bytes at = p;
        if ((p = read_tag(p, end, &tag)) == NULL) return 0;
        if (tag == (1 << 3 | FIXED64)) {
            if (end - p < 8) return 0;
            event->wall_time = double_of(load_u64(p));
            event->wall_bits = p;
            p += 8;
        } else if (tag == (2 << 3 | VARINT)) {
            event->step_bits = p;
            if ((p = read_varint(p, end, &value)) == NULL) return 0;
            event->step = (int64_t)value;
            event->step_size = (uint8_t)(p - event->step_bits);
        } else if ((tag & 7) == BYTES && tag >> 3 >= 3 && tag >> 3 <= 10) {
            p = read_span(p, end, &inner);
            if (p != NULL && !parse_member(event, tag >> 3, inner, at)) return 0;
        } else {
            p = skip_field(p, end, tag, DEPTH);
        }
        if (p == NULL) return 0;
    }
    return 1;
}

/* Hand over every value of a parsed event, in order; stop and tell if one is not taken. */
typedef int (*Take)(void *taker, const Event *event, const Value *value);

static int each_value_again(const Event *event, Span payload, Take take, void *taker) {
    Bytes end = payload.at + payload.size;
    for (Bytes p = event->live; p != NULL && p < end;) {
        uint32_t tag;
        Span summary, whole;
        p = read_tag(p, end, &tag);
        if (p == NULL || tag != (WHAT_SUMMARY << 3 | BYTES)) {
            p = p == NULL ? NULL : skip_field(p, end, tag, DEPTH);
            continue;
        }
        p = read_span(p, end, &summary);
        Bytes stop = summary.at + summary.size;
        for (Bytes q = summary.at; p != NULL && q != NULL && q < stop;) {
            Value value;
            q = read_tag(q, stop, &tag);
            if (q == NULL || tag != (1 << 3 | BYTES)) {
                q = q == NULL ? NULL : skip_field(q, stop, tag, DEPTH);
                continue;
            }
            q = read_span(q, stop, &whole);
            if (q == NULL || !parse_value(&value, whole, DEPTH - 2)) return 0;
            if (!take(taker, event, &value)) return 0;
        }
    }
    return 1;
}

#endif
