/* What must be checked in messages whose content is not used: one table, one loop.

   A message is an Event only if all of it is, down to the UTF-8 of a log message. Each table gives
   the kind of every field by its number, as the .proto files of tensorboard/compat/proto declare them; the
   test of the schema compares the two. A field that is not in the table, or comes with another
   wire type, is unknown: it is skipped. */

#ifndef TB_NAN_SCHEMA_H
#define TB_NAN_SCHEMA_H

#include "wire.h"

enum {
    EVENT, SUMMARY, VALUE, METADATA, PLUGIN_DATA, IMAGE, HISTOGRAM, AUDIO, TENSOR, SHAPE, DIM,
    RESOURCE, DTYPE_AND_SHAPE, VARIANT, LOG_MESSAGE, SESSION_LOG, TAGGED_RUN, SOURCE, MESSAGES
};

/* Kinds: 0 unknown, one letter for a scalar, MESSAGE + which for a message.
   v varint, 4 fixed32, 8 fixed64, b bytes, t text; V F D the same repeated, so packed or not. */
#define MESSAGE 128
#define M(which) (MESSAGE + (which))
#define FIELDS 19

static const uint8_t schema[MESSAGES][FIELDS] = {
    [EVENT] = {0, '8', 'v', 't', 'b', M(SUMMARY), M(LOG_MESSAGE), M(SESSION_LOG), M(TAGGED_RUN),
               'b', M(SOURCE)},
    [SUMMARY] = {0, M(VALUE)},
    [VALUE] = {0, 't', '4', 'b', M(IMAGE), M(HISTOGRAM), M(AUDIO), 't', M(TENSOR), M(METADATA)},
    [METADATA] = {0, M(PLUGIN_DATA), 't', 't', 'v'},
    [PLUGIN_DATA] = {0, 't', 'b'},
    [IMAGE] = {0, 'v', 'v', 'v', 'b'},
    [HISTOGRAM] = {0, '8', '8', '8', '8', '8', 'D', 'D'},
    [AUDIO] = {0, '4', 'v', 'v', 'b', 't'},
    [TENSOR] = {0, 'v', M(SHAPE), 'v', 'b', 'F', 'D', 'V', 'b', 'F', 'V', 'V', 'D', 'V',
                M(RESOURCE), M(VARIANT), 'V', 'V', 'b'},
    [SHAPE] = {0, 0, M(DIM), 'v'},
    [DIM] = {0, 'v', 't'},
    [RESOURCE] = {0, 't', 't', 't', 'v', 't', M(DTYPE_AND_SHAPE)},
    [DTYPE_AND_SHAPE] = {0, 'v', M(SHAPE)},
    [VARIANT] = {0, 't', 'b', M(TENSOR)},
    [LOG_MESSAGE] = {0, 'v', 't'},
    [SESSION_LOG] = {0, 'v', 't', 't'},
    [TAGGED_RUN] = {0, 't', 'b'},
    [SOURCE] = {0, 't'},
};

static int check_varints(Span packed) {
    uint64_t value;
    for (Bytes p = packed.at, end = p + packed.size; p < end;)
        if ((p = read_varint(p, end, &value)) == NULL) return 0;
    return 1;
}

static Bytes check_packed(Bytes p, Bytes end, uint8_t kind) {
    Span span;
    if ((p = read_span(p, end, &span)) == NULL) return NULL;
    int sound = kind == 'V' ? check_varints(span) : span.size % (kind == 'F' ? 4 : 8) == 0;
    return sound ? p : NULL;
}

/* Tell whether `span` is such a message; `depth` is how many more may be nested in it. */
static int check_message(Span span, int which, int depth) {
    Bytes p = span.at, end = p + span.size;
    while (p < end) {
        uint32_t tag;
        Span inner;
        if ((p = read_tag(p, end, &tag)) == NULL) return 0;
        uint8_t kind = tag >> 3 < FIELDS ? schema[which][tag >> 3] : 0;
        if ((tag & 7) != BYTES || kind == 0) {
            p = skip_field(p, end, tag, depth);
        } else if (kind == 't') {
            p = read_text(p, end, &inner);
        } else if (kind >= MESSAGE) {
            p = read_span(p, end, &inner);
            if (p != NULL && (depth <= 0 || !check_message(inner, kind - MESSAGE, depth - 1)))
                return 0;
        } else if (kind == 'V' || kind == 'F' || kind == 'D') {
            p = check_packed(p, end, kind);
        } else {
            p = read_span(p, end, &inner);
        }
        if (p == NULL) return 0;
    }
    return 1;
}

#endif
