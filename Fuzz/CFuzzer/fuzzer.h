#include <stddef.h>
#include <stdint.h>

// libFuzzer as a library (compiler-rt's FuzzerInterface.h).
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*target)(const uint8_t *data, size_t size));

// The target, which is Swift; the runtime looks for it by this name.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
