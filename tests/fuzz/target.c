/* The libFuzzer target: inputs are event files, and the mutator keeps most checksums right. */

#include "exercise.h"
#include "mutate.h"

int LLVMFuzzerTestOneInput(const uint8_t *file, size_t size) {
    exercise(file, size);
    return 0;
}
