/* SPDX-License-Identifier: Apache-2.0 */
/* stream_workers.c - digests and decoding on other cores, and how threads begin and end.
 *
 * A worker takes a chunk that was read, holds its stored bytes against the digest, decodes it
 * in place, and zeroes what is left of its room. The decoder never sees unverified bytes where
 * a digest is known. One digest context per worker is made, and used once, before its thread
 * starts: a worker allocates nothing, so that no allocator arena grows with the threads.
 * Stacks are small and explicit; only their touched pages cost memory.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "arena/bytes.h"
#include "platform/linux/stream/stream_parts.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_BYTES (1024u << 10)
#else
#define STACK_BYTES (96u << 10)
#endif

static size_t stack_bytes(void)
{
    const long least = sysconf(_SC_THREAD_STACK_MIN);
    uint64_t sum = STACK_BYTES;
    if (least > 0) {
        (void)bytes_add((uint64_t)least, STACK_BYTES / 2, &sum);
        sum = sum > STACK_BYTES ? sum : STACK_BYTES;
        (void)bytes_align_up(sum, STREAM_PAGE, &sum);
    }
    return (size_t)sum;
}

static int start_thread(stream *s, void *(*body)(void *), pthread_t *out)
{
    pthread_attr_t attr;
    sigset_t all;
    sigset_t before;
    int code = pthread_attr_init(&attr);
    if (code != 0) {
        return code;
    }
    s->stack_bytes = stack_bytes();
    code = pthread_attr_setstacksize(&attr, s->stack_bytes);
    if (code == 0) {
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        code = pthread_create(out, &attr, body, s);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    pthread_attr_destroy(&attr);
    return code;
}

plim_status plim_stream_start_thread(stream *s, void *(*body)(void *), plim_error *err)
{
    int code = plim_stream_fault(s, STREAM_SITE_THREAD);
    if (code == 0) {
        code = start_thread(s, body, &s->threads[s->thread_count]);
    }
    if (code != 0) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "thread of the engine loader",
                         .want = s->stack_bytes, .os_errno = code);
    }
    s->thread_count++;
    return PLIM_OK;
}

void plim_stream_stop_threads(stream *s)
{
    pthread_mutex_lock(&s->lock);
    s->quit = true;
    pthread_cond_broadcast(&s->read_ready);
    pthread_cond_broadcast(&s->work_ready);
    pthread_cond_broadcast(&s->prefault_ready);
    pthread_mutex_unlock(&s->lock);
    for (uint32_t i = 0; i < s->thread_count; i++) {
        pthread_join(s->threads[i], NULL);
    }
    s->thread_count = 0;
}

static bool digest_matches(stream *s, EVP_MD_CTX *context, stream_slot *slot)
{
    const bool is_lz4 = slot->chunk.codec == PLIM_CODEC_LZ4;
    const size_t size = is_lz4 ? slot->extent_bytes : slot->chunk.stored_bytes;
    if (EVP_DigestInit_ex(context, s->digest, NULL) != 1 ||
        EVP_DigestUpdate(context, slot->landing, size) != 1 ||
        EVP_DigestFinal_ex(context, slot->found, NULL) != 1) {
        memset(slot->found, 0, sizeof(slot->found));
        return false;
    }
    return memcmp(slot->found, slot->chunk.sha256, PLIM_DIGEST_BYTES) == 0;
}

static void finish(stream *s, EVP_MD_CTX *context, stream_slot *slot)
{
    const plim_stream_chunk *chunk = &slot->chunk;
    if (chunk->sha256 != NULL && !s->opts.skip_digest && !digest_matches(s, context, slot)) {
        slot->status = PLIM_E_CORRUPT;
        slot->what = "chunk digest";
        return;
    }
    if (chunk->codec == PLIM_CODEC_LZ4) {
        if (!plim_lz4_decode_in_place(chunk->target, chunk->raw_bytes, chunk->stored_bytes,
                                      chunk->tail_bytes)) {
            slot->status = PLIM_E_FORMAT;
            slot->what = "LZ4 block";
        }
    } else {
        memset(chunk->target + chunk->raw_bytes, 0, slot->extent_bytes - chunk->raw_bytes);
    }
}

static void *work(void *argument)
{
    stream *s = argument;
    pthread_mutex_lock(&s->lock);
    EVP_MD_CTX *context = s->digest_context[s->workers_started++];
    for (;;) {
        while (s->work.count == 0 && !s->quit) {
            pthread_cond_wait(&s->work_ready, &s->lock);
        }
        if (s->work.count == 0) {
            break;
        }
        const uint16_t number = plim_stream_queue_pop(&s->work);
        const bool is_wanted = !s->stop;
        pthread_mutex_unlock(&s->lock);
        if (is_wanted) {
            finish(s, context, &s->slots[number]);
        }
        pthread_mutex_lock(&s->lock);
        plim_stream_queue_push(&s->done, number);
        pthread_cond_signal(&s->done_ready);
    }
    s->work_cpu_ns += plim_stream_cpu_ns();
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

void plim_stream_to_workers(stream *s, uint16_t slot)
{
    pthread_mutex_lock(&s->lock);
    if (s->slots[slot].status == PLIM_OK) {
        plim_stream_queue_push(&s->work, slot);
        pthread_cond_signal(&s->work_ready);
    } else {
        plim_stream_queue_push(&s->done, slot);
        pthread_cond_signal(&s->done_ready);
    }
    pthread_mutex_unlock(&s->lock);
}

/* OpenSSL 3 looks an algorithm up at each use unless it was fetched; 1.1 has nothing to fetch. */
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
static void *fetch_sha256(void)
{
    return EVP_MD_fetch(NULL, "SHA256", NULL);
}
static void free_sha256(void *digest)
{
    EVP_MD_free(digest);
}
#else
static void *fetch_sha256(void)
{
    return (void *)(uintptr_t)EVP_sha256();
}
static void free_sha256(void *digest)
{
    (void)digest;
}
#endif

/* Fetched once, and each context used once: later use of it allocates nothing. */
static bool make_digests(stream *s)
{
    uint8_t scrap[PLIM_DIGEST_BYTES];
    const EVP_MD *digest = s->digest = fetch_sha256();
    if (digest == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < s->worker_count; i++) {
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        s->digest_context[i] = context;
        if (context == NULL || EVP_DigestInit_ex(context, digest, NULL) != 1 ||
            EVP_DigestFinal_ex(context, scrap, NULL) != 1) {
            return false;
        }
    }
    return true;
}

plim_status plim_stream_start_workers(stream *s, plim_error *err)
{
    if (!make_digests(s)) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "SHA-256 context");
    }
    for (uint32_t i = 0; i < s->worker_count; i++) {
        PLIM_TRY(plim_stream_start_thread(s, work, err));
    }
    return PLIM_OK;
}

void plim_stream_free_digests(stream *s)
{
    for (uint32_t i = 0; i < s->worker_count; i++) {
        EVP_MD_CTX_free(s->digest_context[i]);
    }
    free_sha256(s->digest);
}
