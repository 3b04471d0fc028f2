/* SPDX-License-Identifier: Apache-2.0 */
/* allocator.c - ONNX Runtime's allocations, charged to the engine they are for.
 *
 * The library has one allocator a process, but bytes belong to engines. A thread says
 * whose work it does before it calls in (plim_ort_enter), and the threads of a session's
 * own pool say it once, at birth, because we create them. A block carries its account in
 * the 64 bytes before it, so that any thread may free it. An allocation on a thread that
 * works for nobody is refused: bytes outside the account do not happen quietly.
 *
 * The library does not check what Alloc returns: NULL crashes it. So a refusal throws
 * std::bad_alloc with libstdc++'s own function; the library turns it into a status. This
 * file must have unwind tables (the Makefile says so), and nothing between the library's
 * call and the throw may hold a lock or need cleaning up.
 */
#include "src/backend/onnxruntime/allocator.h"

#include <pthread.h>
#include <string.h>

#include "arena/bytes.h"
#include "arena/checks.h"

#define HEADER_BYTES 64u /* keeps the block's own alignment */
#define BLOCK_MAGIC  0x706c696d6f727421u

typedef struct block_header {
    plim_ort_account *account;
    uint64_t magic;
} block_header;
_Static_assert(sizeof(block_header) <= HEADER_BYTES, "the account fits before the block");

static _Thread_local plim_ort_account *current;

static struct {
    ort_allocator_table table; /* first: the library passes this address back */
    const plim_ort *ort;
} ours;

static void refuse(plim_ort_account *account, const plim_error *why)
{
    if (account && !atomic_flag_test_and_set(&account->refusal_lock)) {
        account->refusal = *why;
        atomic_store(&account->is_refused, true);
    }
    ours.ort->throw_bad_alloc();
}

/* Not in the way of the run: an error is a large thing to clear for each block that fits. */
static __attribute__((noinline, cold)) void refuse_size(plim_ort_account *account, size_t size)
{
    plim_error err = {.status = PLIM_E_STATE, .what = "allocation on a thread of no engine"};
    if (account) {
        err.status = PLIM_E_RANGE;
        err.what = "ONNX Runtime asks for more than an address can span";
        err.want = size;
    }
    refuse(account, &err);
}

static void *take(plim_host_class kind, size_t size)
{
    plim_ort_account *account = current;
    plim_error err; /* set by a refusal, and by nothing else */
    uint64_t total;
    void *block = NULL;
    if (!account || !bytes_add(size, HEADER_BYTES, &total) || total > PTRDIFF_MAX) {
        refuse_size(account, size);
    } else if (account->host.alloc(account->host.context, kind, (size_t)total, 64, &block, &err) !=
               PLIM_OK) {
        refuse(account, &err);
    }
    *(block_header *)block = (block_header){account, BLOCK_MAGIC};
    return (char *)block + HEADER_BYTES;
}

static void *allocator_alloc(ort_allocator *self, size_t size)
{
    (void)self;
    return take(current ? (plim_host_class)atomic_load(&current->kind) : PLIM_HOST_SESSION, size);
}

/* Reserve is for what lives as long as the session, also when a run is the first to need it. */
static void *allocator_reserve(ort_allocator *self, size_t size)
{
    (void)self;
    return take(PLIM_HOST_SESSION, size);
}

static void allocator_free(ort_allocator *self, void *block)
{
    (void)self;
    if (!block) {
        return;
    }
    block_header *header = (block_header *)((char *)block - HEADER_BYTES);
    PLIM_ASSERT(header->magic == BLOCK_MAGIC);
    plim_ort_account *account = header->account;
    header->magic = 0;
    account->host.free(account->host.context, header);
}

static const ort_memory_info *allocator_info(const ort_allocator *self)
{
    (void)self;
    return ours.ort->cpu;
}

ort_allocator *plim_ort_allocator(const plim_ort *ort)
{
    ours.ort = ort;
    ours.table = (ort_allocator_table){ORT_ABI_ALLOCATOR_VERSION, allocator_alloc, allocator_free,
                                       allocator_info, allocator_reserve};
    return (ort_allocator *)&ours;
}

void plim_ort_enter(plim_ort_account *account, plim_host_class kind)
{
    atomic_store(&account->kind, (int)kind);
    atomic_store(&account->is_refused, false);
    atomic_flag_clear(&account->refusal_lock);
    current = account;
}

void plim_ort_leave(void)
{
    current = NULL;
}

plim_status plim_ort_refusal(const plim_ort *ort, plim_ort_account *account, ort_status *status,
                             const char *what, plim_error *err)
{
    if (!atomic_load(&account->is_refused)) {
        return plim_ort_fail(ort, status, what, err);
    }
    ort->api.ReleaseStatus(status);
    if (err) {
        *err = account->refusal;
    }
    return account->refusal.status;
}

/* ---- pool threads ---- */

typedef struct birth {
    plim_ort_account *account;
    ort_thread_work run;
    void *work;
    pthread_mutex_t lock;
    pthread_cond_t taken;
    bool is_taken;
} birth;

static void *thread_main(void *argument)
{
    birth *b = argument;
    ort_thread_work run = b->run;
    void *work = b->work;
    current = b->account;
    pthread_mutex_lock(&b->lock);
    b->is_taken = true; /* the creator's stack may go from here on */
    pthread_cond_signal(&b->taken);
    pthread_mutex_unlock(&b->lock);
    run(work);
    return NULL;
}

const ort_thread *plim_ort_thread_create(void *account, ort_thread_work run, void *work)
{
    birth b = {.account = account,
               .run = run,
               .work = work,
               .lock = PTHREAD_MUTEX_INITIALIZER,
               .taken = PTHREAD_COND_INITIALIZER};
    pthread_t thread;
    if (pthread_create(&thread, NULL, thread_main, &b) != 0) {
        return NULL; /* the library turns it into a status */
    }
    pthread_mutex_lock(&b.lock);
    while (!b.is_taken) {
        pthread_cond_wait(&b.taken, &b.lock);
    }
    pthread_mutex_unlock(&b.lock);
    pthread_cond_destroy(&b.taken);
    pthread_mutex_destroy(&b.lock);
    return (const ort_thread *)(uintptr_t)thread;
}

void plim_ort_thread_join(const ort_thread *thread)
{
    pthread_join((pthread_t)(uintptr_t)thread, NULL);
}

void plim_ort_log(void *context, unsigned severity, const char *category, const char *log_id,
                  const char *where, const char *text)
{
    (void)context, (void)category, (void)log_id, (void)where;
    plim_ort_account *account = current;
    if (account && account->host.log) {
        account->host.log(account->host.context, severity >= 3 ? 3 : (int)severity, text);
    }
}
