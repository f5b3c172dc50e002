/* One TensorProto: the only number in it, or the first of its strings.

   A tensor of one element that carries none means 0 (tensorflow/core/framework/tensor.cc).
   Complex, quantised and sub-byte dtypes are no single numbers here. */

#ifndef TB_NAN_TENSOR_H
#define TB_NAN_TENSOR_H

#include "schema.h"

/* Numbers of tensorflow/core/framework/types.proto. */
enum {
    DT_FLOAT = 1, DT_DOUBLE = 2, DT_INT32 = 3, DT_UINT8 = 4, DT_INT16 = 5, DT_INT8 = 6,
    DT_STRING = 7, DT_INT64 = 9, DT_BOOL = 10, DT_BFLOAT16 = 14, DT_UINT16 = 17, DT_HALF = 19,
    DT_UINT32 = 22, DT_UINT64 = 23
};

/* Typed fields: how many elements (2 stands for more) and the first one's bits. */
enum { T_FLOAT, T_DOUBLE, T_INT, T_STRING, T_INT64, T_BOOL, T_HALF, T_UINT32, T_UINT64, TYPED };

typedef struct {
    uint8_t count[16];
    uint64_t first[TYPED];
    Span content, text;
    Bytes first_bits; /* of the first float or double in a typed field */
    int32_t dtype;
    uint8_t unknown_rank, other_shape;
} Tensor;

static inline void tensor_clear(Tensor *tensor) {
    memset(tensor->count, 0, sizeof tensor->count);
    tensor->content.size = 0;
    tensor->dtype = 0;
    tensor->unknown_rank = tensor->other_shape = 0;
}

static inline void tensor_add(Tensor *tensor, int field, uint64_t bits, size_t count) {
    if (count == 0) return;
    if (tensor->count[field] == 0) tensor->first[field] = bits;
    count += tensor->count[field];
    tensor->count[field] = count > 2 ? 2 : (uint8_t)count;
}

static int parse_dim(Tensor *tensor, Span span, int depth) {
    Bytes p = span.at, end = p + span.size;
    uint64_t size = 0;
    uint32_t tag;
    Span name;
    while (p < end) {
        if ((p = read_tag(p, end, &tag)) == NULL) return 0;
        if (tag == (1 << 3 | VARINT)) p = read_varint(p, end, &size);
        else if (tag == (2 << 3 | BYTES)) p = read_text(p, end, &name);
        else p = skip_field(p, end, tag, depth);
        if (p == NULL) return 0;
    }
    tensor->other_shape |= size != 1;
    return 1;
}

static int parse_shape(Tensor *tensor, Span span, int depth) {
    Bytes p = span.at, end = p + span.size;
    uint64_t value;
    uint32_t tag;
    Span dim;
    while (p < end) {
        if ((p = read_tag(p, end, &tag)) == NULL) return 0;
        if (tag == (2 << 3 | BYTES)) {
            p = read_span(p, end, &dim);
            if (p != NULL && (depth <= 0 || !parse_dim(tensor, dim, depth - 1))) return 0;
        } else if (tag == (3 << 3 | VARINT)) {
            p = read_varint(p, end, &value);
            if (p != NULL) tensor->unknown_rank = value != 0;
        } else {
            p = skip_field(p, end, tag, depth);
        }
        if (p == NULL) return 0;
    }
    return 1;
}

static Bytes parse_varints(Tensor *tensor, int field, int wire, Bytes p, Bytes end) {
    uint64_t value;
    Span span;
    if (wire == VARINT) {
        if ((p = read_varint(p, end, &value)) != NULL) tensor_add(tensor, field, value, 1);
        return p;
    }
    if ((p = read_span(p, end, &span)) == NULL) return NULL;
    for (Bytes q = span.at, stop = q + span.size; q < stop;) {
        if ((q = read_varint(q, stop, &value)) == NULL) return NULL;
        tensor_add(tensor, field, value, 1);
    }
    return p;
}

static Bytes parse_fixed(Tensor *tensor, int field, size_t size, int wire, Bytes p, Bytes end) {
    Span span = {p, size};
    if (wire == BYTES) {
        p = read_span(p, end, &span);
        if (p == NULL || span.size % size) return NULL;
    } else {
        if ((size_t)(end - p) < size) return NULL;
        p += size;
    }
    if (span.size) {
        uint64_t bits = size == 8 ? load_u64(span.at) : load_u32(span.at);
        if (tensor->count[field] == 0) tensor->first_bits = span.at;
        tensor_add(tensor, field, bits, span.size / size);
    }
    return p;
}

static int typed_varint(uint32_t number) {
    switch (number) {
    case 7: return T_INT;
    case 10: return T_INT64;
    case 11: return T_BOOL;
    case 13: return T_HALF;
    case 16: return T_UINT32;
    case 17: return T_UINT64;
    default: return -1;
    }
}

/* Take in the bytes of one more TensorProto field; what it says is merged with what is there. */
static int parse_tensor(Tensor *tensor, Span span, int depth) {
    Bytes p = span.at, end = p + span.size;
    uint64_t value;
    uint32_t tag;
    Span inner;
    while (p < end) {
        if ((p = read_tag(p, end, &tag)) == NULL) return 0;
        uint32_t number = tag >> 3;
        int wire = tag & 7, field = typed_varint(number);
        if (field >= 0 && (wire == VARINT || wire == BYTES)) {
            p = parse_varints(tensor, field, wire, p, end);
        } else if (number == 5 && (wire == FIXED32 || wire == BYTES)) {
            p = parse_fixed(tensor, T_FLOAT, 4, wire, p, end);
        } else if (number == 6 && (wire == FIXED64 || wire == BYTES)) {
            p = parse_fixed(tensor, T_DOUBLE, 8, wire, p, end);
        } else if (tag == (1 << 3 | VARINT)) {
            if ((p = read_varint(p, end, &value)) != NULL) tensor->dtype = (int32_t)(uint32_t)value;
        } else if (tag == (4 << 3 | BYTES)) {
            p = read_span(p, end, &tensor->content);
        } else if (wire != BYTES) {
            p = skip_field(p, end, tag, depth);
        } else {
            if ((p = read_span(p, end, &inner)) == NULL) return 0;
            uint8_t kind = number < FIELDS ? schema[TENSOR][number] : 0;
            if (number == 8) {
                if (tensor->count[T_STRING] == 0) tensor->text = inner;
                tensor_add(tensor, T_STRING, 0, 1);
            } else if (number == 2) {
                if (depth <= 0 || !parse_shape(tensor, inner, depth - 1)) return 0;
            } else if (kind >= MESSAGE) {
                if (depth <= 0 || !check_message(inner, kind - MESSAGE, depth - 1)) return 0;
            } else if (kind == 'F' || kind == 'D') {
                if (inner.size % (kind == 'F' ? 4 : 8)) return 0;
            }
        }
        if (p == NULL) return 0;
    }
    return 1;
}

static inline double float_of(uint32_t bits) {
    float number;
    memcpy(&number, &bits, 4);
    return number;
}

static inline double double_of(uint64_t bits) {
    double number;
    memcpy(&number, &bits, 8);
    return number;
}

static double half_of(uint32_t bits) {
    uint64_t sign = (uint64_t)(bits >> 15 & 1) << 63, fraction = bits & 0x3FF;
    int exponent = bits >> 10 & 0x1F;
    if (exponent == 0) return (sign ? -1.0 : 1.0) * (double)fraction / 16777216.0; /* 2**24 */
    uint64_t wide = exponent == 0x1F ? 0x7FF : (uint64_t)(exponent - 15 + 1023);
    return double_of(sign | wide << 52 | fraction << 42);
}

static int number_in_content(const Tensor *tensor, double *number) {
    Bytes p = tensor->content.at;
    switch (tensor->content.size) {
    case 1:
        if (tensor->dtype == DT_UINT8) *number = *p;
        else if (tensor->dtype == DT_INT8) *number = (int8_t)*p;
        else if (tensor->dtype == DT_BOOL) *number = *p != 0;
        else return 0;
        return 1;
    case 2: {
        uint32_t bits = p[0] | (uint32_t)p[1] << 8;
        if (tensor->dtype == DT_INT16) *number = (int16_t)(uint16_t)bits;
        else if (tensor->dtype == DT_UINT16) *number = bits;
        else if (tensor->dtype == DT_HALF) *number = half_of(bits);
        else if (tensor->dtype == DT_BFLOAT16) *number = float_of(bits << 16);
        else return 0;
        return 1;
    }
    case 4:
        if (tensor->dtype == DT_FLOAT) *number = float_of(load_u32(p));
        else if (tensor->dtype == DT_INT32) *number = (int32_t)load_u32(p);
        else if (tensor->dtype == DT_UINT32) *number = load_u32(p);
        else return 0;
        return 1;
    case 8:
        if (tensor->dtype == DT_DOUBLE) *number = double_of(load_u64(p));
        else if (tensor->dtype == DT_INT64) *number = (double)(int64_t)load_u64(p);
        else if (tensor->dtype == DT_UINT64) *number = (double)load_u64(p);
        else return 0;
        return 1;
    default: return 0;
    }
}

static int typed_of(int32_t dtype) {
    switch (dtype) {
    case DT_FLOAT: return T_FLOAT;
    case DT_DOUBLE: return T_DOUBLE;
    case DT_INT32: case DT_UINT8: case DT_INT16: case DT_INT8: case DT_UINT16: return T_INT;
    case DT_INT64: return T_INT64;
    case DT_BOOL: return T_BOOL;
    case DT_BFLOAT16: case DT_HALF: return T_HALF;
    case DT_UINT32: return T_UINT32;
    case DT_UINT64: return T_UINT64;
    default: return -1;
    }
}

/* Return where the only number of a tensor lies, if it is a float or a double; else NULL. */
static inline Bytes float_bits(const Tensor *tensor, uint8_t *size) {
    if (tensor->dtype != DT_FLOAT && tensor->dtype != DT_DOUBLE) return NULL;
    *size = tensor->dtype == DT_FLOAT ? 4 : 8;
    if (tensor->content.size) return tensor->content.at;
    return tensor->count[tensor->dtype == DT_FLOAT ? T_FLOAT : T_DOUBLE] ? tensor->first_bits : NULL;
}

/* Tell whether a 64-bit integer is more than a double can say, and put its bits into `bits`. */
static int exceeds_double(const Tensor *tensor, uint64_t *bits) {
    int is_signed = tensor->dtype == DT_INT64;
    if (!is_signed && tensor->dtype != DT_UINT64) return 0;
    if (tensor->content.size) *bits = load_u64(tensor->content.at);
    else if (tensor->count[is_signed ? T_INT64 : T_UINT64]) *bits = tensor->first[is_signed ? T_INT64 : T_UINT64];
    else return 0;
    uint64_t size = is_signed && *bits >> 63 ? 0 - *bits : *bits;
    if (size == 0) return 0;
    while (!(size & 1)) size >>= 1; /* a double holds what has no more than 53 bits from 1 to 1 */
    return size >> 53 != 0;
}

/* Tell whether the tensor is one number, and which. */
static int only_number(const Tensor *tensor, double *number) {
    int field = typed_of(tensor->dtype);
    if (field < 0 || tensor->unknown_rank || tensor->other_shape) return 0;
    if (tensor->content.size) return number_in_content(tensor, number);
    if (tensor->count[field] > 1) return 0;
    uint64_t bits = tensor->count[field] ? tensor->first[field] : 0;
    switch (field) {
    case T_FLOAT: *number = float_of((uint32_t)bits); break;
    case T_DOUBLE: *number = double_of(bits); break;
    case T_INT: *number = (int32_t)(uint32_t)bits; break;
    case T_INT64: *number = (double)(int64_t)bits; break;
    case T_BOOL: *number = bits != 0; break;
    case T_HALF:
        *number = tensor->dtype == DT_HALF ? half_of(bits & 0xFFFF)
                                           : float_of((uint32_t)(bits & 0xFFFF) << 16);
        break;
    case T_UINT32: *number = (uint32_t)bits; break;
    default: *number = (double)bits; break;
    }
    return 1;
}

#endif
