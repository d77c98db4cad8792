#pragma once

/// SEGUE_CLONES before a function compiles it once for each instruction set; the loader picks the best one the machine
/// has. SEGUE_INLINE: what it calls must be part of each clone.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
// Sanitizers start after the loader resolves the clones.
#define SEGUE_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SEGUE_CLONES
#endif
#define SEGUE_INLINE inline __attribute__((always_inline))
