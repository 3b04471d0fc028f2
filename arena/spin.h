/* SPDX-License-Identifier: Apache-2.0 */
/* spin.h - a lock for sections of some fifty nanoseconds, without the operating system.
 *
 * A waiting thread looks at the word without writing it, pauses, and looks again. A section
 * is shorter than going to sleep and waking up, so sleeping is never right while the holder
 * runs. When the holder was interrupted, spinning is not right either: after SPIN_ROUNDS looks
 * the waiter calls the function that the caller gave, which should let another thread run.
 */
#ifndef ARENA_SPIN_H
#define ARENA_SPIN_H

#include <stdatomic.h>
#include <stdint.h>

#define SPIN_ROUNDS 64u

static inline void spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static inline void spin_enter(_Atomic uint32_t *lock, void (*yield)(void))
{
    uint32_t rounds = 0;
    while (atomic_exchange_explicit(lock, 1, memory_order_acquire)) {
        while (atomic_load_explicit(lock, memory_order_relaxed)) {
            spin_pause();
            if (++rounds % SPIN_ROUNDS == 0 && yield) {
                yield();
            }
        }
    }
}

static inline void spin_leave(_Atomic uint32_t *lock)
{
    atomic_store_explicit(lock, 0, memory_order_release);
}

#endif
