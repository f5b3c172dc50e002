/* Every file named on the command line through the scanner once, without a fuzzer. */

#include "exercise.h"

/* Columns of megabytes: growing them takes another path than small ones do. */
static void exercise_growth(Bytes file, size_t size) {
    static Scan scan;
    int trouble;
    memset(&scan, 0, sizeof scan);
    tags_setup(&scan.tags, 1, 2);
    for (size_t before = 0; scan.points.count < (size_t)3 << 18; before = scan.points.count) {
        scan_block(&scan, file, size, 0, &trouble);
        if (scan.points.count - before < 64) break; /* it would take too long */
    }
    CLAIM(!scan.failed);
    scan_free(&scan);
}

int main(int count, char **names) {
    for (int i = 1; i < count; i++) {
        FILE *stream = fopen(names[i], "rb");
        if (stream == NULL || fseek(stream, 0, SEEK_END)) {
            perror(names[i]);
            return 2;
        }
        size_t size = (size_t)ftell(stream);
        rewind(stream);
        uint8_t *file = malloc(size ? size : 1);
        if (file == NULL || fread(file, 1, size, stream) != size) {
            perror(names[i]);
            return 2;
        }
        fclose(stream);
        printf("%s\n", names[i]);
        fflush(stdout);
        exercise(file, size);
        exercise_growth(file, size);
        free(file);
    }
    return 0;
}
