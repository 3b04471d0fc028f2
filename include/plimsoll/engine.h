/* SPDX-License-Identifier: Apache-2.0 */
/* engine.h - identity card, container, and the streamed loader.
 *
 * An engine artifact is either a container (one .engine file: card, tables, chunks) or a
 * bare file (TensorRT plan, .onnx, .ort, .safetensors) with a card beside it named
 * <file>.card.json. Both open to the same object: a card, a list of sections, and a list
 * of chunks with a digest each. Nothing of the body is read before the card has been held
 * against the host. Loading streams every chunk to its final address; no byte of a chunk
 * is visible as loaded before its digest matched. docs/container.md is the format.
 */
#ifndef PLIMSOLL_ENGINE_H
#define PLIMSOLL_ENGINE_H

#include <stdbool.h>

#include "plimsoll/platform.h"
#include "plimsoll/policy.h"
#include "plimsoll/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- self-describing file name: <model>__sm<SM>_jp<JP>_trt<TRT>_<precision>.engine ---- */

typedef struct plim_engine_name {
    char model[64];     /* [A-Za-z0-9.-] and single underscores inside; starts with [A-Za-z0-9] */
    char sm[8];         /* digits, "87", or "any" for an engine that needs no GPU */
    char jetpack[16];   /* numbers with dots, "6.1", or "any" */
    char tensorrt[16];  /* numbers with dots, "10.3.0", or "none" */
    char precision[16]; /* [a-z0-9-]: "fp16", "int8", "fp32", "mixed", ... */
} plim_engine_name;

/* plim_engine_name_parse takes a file name without folders; unused bytes of *out are zero.
 * Errors:  E_FORMAT  bad name; err->field "position N" (from 0), wanted and found say what.
 *          E_RANGE   does not fit @buffer_bytes.
 * parse(format(x)) == x for every x that format accepts. */
PLIM_API PLIM_MUST_USE plim_status plim_engine_name_format(const plim_engine_name *name,
                                                           char *buffer, size_t buffer_bytes,
                                                           plim_error *err);
PLIM_API PLIM_MUST_USE plim_status plim_engine_name_parse(const char *file_name,
                                                          plim_engine_name *out, plim_error *err);

/* ---- identity card ---- */

#define PLIM_CARD_TENSORS_MAX  64
#define PLIM_CARD_PROFILES_MAX 8
#define PLIM_DIGEST_BYTES      32

typedef enum plim_build_kind {
    PLIM_BUILD_UNKNOWN = 0,
    PLIM_BUILD_NATIVE = 1,   /* on the board it will run on */
    PLIM_BUILD_EMULATED = 2, /* a devkit pretending to be a smaller module */
    PLIM_BUILD_COMPAT = 3,   /* with a hardware compatibility level */
    PLIM_BUILD_PORTABLE = 4, /* not tied to a GPU (ONNX, .ort, safetensors) */
} plim_build_kind;

/* Bytes of the constants by their type. [0] is types that plim_dtype has no number for. A type that
 * is packed into another (int4 in uint8) counts as what it is stored in. */
#define PLIM_WEIGHT_TYPES 24
typedef struct plim_weights {
    uint64_t bytes[PLIM_WEIGHT_TYPES]; /* by plim_dtype */
    bool is_known;                     /* false: nobody could read them, and all is 0 */
} plim_weights;

typedef struct plim_card_range { /* one profile's shapes for one tensor */
    int64_t min[PLIM_TENSOR_RANK_MAX], opt[PLIM_TENSOR_RANK_MAX], max[PLIM_TENSOR_RANK_MAX];
} plim_card_range;

typedef struct plim_card_tensor {
    char name[64];
    bool is_input;
    plim_dtype dtype;
    uint32_t rank;
    plim_card_range profiles[PLIM_CARD_PROFILES_MAX];
} plim_card_tensor;

typedef struct plim_card { /* plain; 104288 bytes: place it in a region or static, not on a stack */
    plim_engine_name name;
    char backend[32];            /* "onnxruntime", "tensorrt", "null" */
    char format[32];             /* "onnx+weights", "plan", "ort", "safetensors", "raw" */
    uint32_t sm;                 /* 0: not tied to one */
    uint32_t multiprocessors;    /* 0: not tied */
    uint64_t board_memory_bytes; /* of the board it was built on; 0: not tied */
    char jetpack[16], l4t[16], tensorrt[16]; /* "": not tied */
    char precision_asked[16], precision_found[16];
    plim_build_kind build;
    char built_on[64];         /* board name, informative */
    uint64_t build_free_bytes; /* free memory that the build saw (tactics depend on it) */
    uint64_t resident_bytes;   /* after loading, weights and session */
    uint64_t load_extra_bytes; /* beyond resident while loading, for the load plan */
    uint64_t activation_bytes; /* peak of one run at the largest profile; 0 unknown */
    uint64_t session_bytes;    /* backend objects outside weights; 0 unknown */
    uint8_t source_sha256[PLIM_DIGEST_BYTES]; /* of the model, external data too */
    bool has_source_sha256;
    uint8_t calibration_sha256[PLIM_DIGEST_BYTES]; /* INT8 calibration cache */
    bool has_calibration_sha256;
    uint8_t dataset_sha256[PLIM_DIGEST_BYTES]; /* data the calibration came from */
    bool has_dataset_sha256;
    uint8_t payload_root[PLIM_DIGEST_BYTES]; /* hash tree over the chunks */
    bool has_payload_root;
    uint64_t payload_bytes;
    char gpu_name[64];          /* "Orin", "NVIDIA GB10"; "": not tied */
    char power_mode[32];        /* of the board while it was built, informative */
    char precision_default[16]; /* what the policy would have chosen; "": it was followed */
    bool version_compatible;    /* later TensorRTs may load it, see plim_card_match */
    plim_weights weights;       /* as the artifact holds them; writing fills them in */
    uint32_t profile_count, tensor_count;
    plim_card_tensor tensors[PLIM_CARD_TENSORS_MAX];
} plim_card;

/* plim_card_parse, plim_card_format - JSON in and out; unknown keys are errors.
 *
 * Errors:  E_FORMAT  err->field is the key ("profiles[1].input.max"), detail "line:column".
 *          E_UNSUPPORTED  unknown dtype or a card version above ours.
 *          E_SHAPE  rank above 8.   E_RANGE  too many tensors, text too long, buffer short.
 * plim_card_format returns the needed bytes in *out_bytes; E_RANGE when the buffer is short.
 */
PLIM_API PLIM_MUST_USE plim_status plim_card_parse(const char *json, size_t json_bytes,
                                                   plim_card *out, plim_error *err);
PLIM_API PLIM_MUST_USE plim_status plim_card_format(const plim_card *card, char *buffer,
                                                    size_t buffer_bytes, size_t *out_bytes,
                                                    plim_error *err);

/* plim_card_match - may this engine be deserialized on this host?
 *
 * Holds SM, GPU name, multiprocessors, board memory, TensorRT, L4T and JetPack of the card against
 * the host, in this order. A field that the card does not tie matches everything; a tied field
 * that the host does not know is a refusal too, and says so.
 * Multiprocessors are those that the power mode leaves now, where the host knows them, else the
 * module's. SM 10.1 and 11.0 are one chip. TensorRT is compared by as many numbers as the card
 * gives: a fourth one is the build. A version compatible card also matches a later minor of the
 * same major, and the next major that there was (8 to 10, 10 to 11).
 * Errors:  E_MISMATCH  field, wanted (card), found (host), detail the file, remedy.
 */
PLIM_API PLIM_MUST_USE plim_status plim_card_match(const plim_card *card, const plim_host *host,
                                                   const char *file, plim_error *err);

/* plim_card_note - put what the card says beside the facts of a machine (card.*), in place of
 * another card's. plim_card_note_support - and what this machine's hardware has for the precision
 * that the card found (card.precision_support); after the facts of the GPU are there. */
PLIM_API void plim_card_note(const plim_card *card, plim_facts *facts);
PLIM_API void plim_card_note_support(const plim_card *card, const plim_policy *policy,
                                     plim_facts *facts);

/* plim_card_dtype - what the policy says of the type that an engine is to be in on this machine.
 *
 * @asked is the deployment's word; NULL or "": what the card's build was asked for. When neither
 * asks, the answer is the machine's default and is_asked is false.
 * Owns:    borrows all; @out holds copies.
 * Errors:  E_MISMATCH     the deployment asks for a type that the card neither was asked for nor
 *                         found: wanted, found, remedy.
 *          E_UNSUPPORTED  the hardware has no path for it: found is the default, detail the reason.
 *          E_NOT_FOUND    no entry speaks of this type here. */
PLIM_API PLIM_MUST_USE plim_status plim_card_dtype(const plim_card *card, const char *asked,
                                                   const plim_policy *policy,
                                                   const plim_facts *facts, plim_dtype_choice *out,
                                                   plim_error *err);

/* plim_weights_precision - the type that most bytes have, as policies name it: "fp32", "fp16",
 * "bf16", "fp8", "fp4", "int8" (signed or not), "int4", ..., "other"; "" when nothing is known or
 * there are no weights. Of equals, the first of plim_dtype. */
PLIM_API const char *plim_weights_precision(const plim_weights *weights);

/* plim_card_check_calibration - does this calibration cache belong to this engine?
 * Errors:  E_CORRUPT  digests differ; detail says "rebuild the engine".
 *          E_NOT_FOUND  the card records no calibration. */
PLIM_API PLIM_MUST_USE plim_status plim_card_check_calibration(const plim_card *card,
                                                               const char *cache_path,
                                                               plim_error *err);

/* ---- container ---- */

typedef enum plim_section_kind {
    PLIM_SECTION_OTHER = 0,
    PLIM_SECTION_GRAPH = 1,   /* what the backend parses: small .onnx, .ort, plan */
    PLIM_SECTION_WEIGHTS = 2, /* constants, used in place */
} plim_section_kind;

#define PLIM_SECTION_NAME_BYTES 128

typedef struct plim_section {
    char name[PLIM_SECTION_NAME_BYTES];
    plim_section_kind kind;
    uint64_t offset_bytes; /* in the payload as it lies in memory */
    uint64_t size_bytes;
    uint64_t align_bytes;
} plim_section;

typedef enum plim_codec {
    PLIM_CODEC_RAW = 0,
    PLIM_CODEC_LZ4 = 1, /* decoded in place; tail_bytes are stored raw in front */
} plim_codec;

typedef struct plim_chunk {
    uint64_t file_offset;    /* multiple of 4096 */
    uint32_t stored_bytes;   /* bytes in the file, before padding */
    uint32_t raw_bytes;      /* bytes in memory */
    uint64_t payload_offset; /* where they go; multiple of 4096 */
    plim_codec codec;
    uint32_t tail_bytes;               /* LZ4: raw bytes at the end of the block, stored first */
    uint32_t file_index;               /* bare artifacts may span files */
    uint8_t sha256[PLIM_DIGEST_BYTES]; /* raw: of raw_bytes; LZ4: of the whole extent */
} plim_chunk;

typedef struct plim_pack_input {
    const char *name; /* section name */
    plim_section_kind kind;
    const char *path;     /* read from here ... */
    const void *data;     /* ... or from memory when path is NULL */
    uint64_t size_bytes;  /* of data; ignored with path */
    uint64_t align_bytes; /* 0: 4096 */
} plim_pack_input;

typedef struct plim_pack_opts {
    size_t struct_size;
    uint32_t chunk_bytes; /* 0: 1 MiB; a power of two, 64 KiB .. 16 MiB */
    bool lz4;             /* try LZ4 per chunk, keep raw where it does not pay */
    int lz4_level;        /* 0: fast; 3..12: HC */
    void (*progress)(void *context, uint64_t done_bytes, uint64_t total_bytes);
    void *progress_context;
} plim_pack_opts;

PLIM_DEFAULTS plim_pack_opts plim_pack_opts_default(void)
{
    plim_pack_opts o = PLIM_ZERO;
    o.struct_size = sizeof(o);
    return o;
}

typedef struct plim_pack_result {
    uint64_t payload_bytes, file_bytes;
    uint64_t chunk_count, lz4_chunk_count;
    uint8_t root[PLIM_DIGEST_BYTES];
} plim_pack_result;

/* plim_engine_pack - write a container.
 *
 * Streams the inputs, tries every LZ4 chunk by decoding it in place exactly as the loader
 * will, writes to a temporary file beside @path, syncs, and renames: a kill at any point
 * leaves the old file or the new one.
 * @card's payload_root and payload_bytes are filled in, and, where the format can be read, weights
 * and precision_found: what was found goes before what the caller thought.
 * Memory:  three chunks, the codec's state, the card's text and the section list, from
 *          plim_provider_mmap, for the length of the call.
 * Errors:  E_IO, E_ARG, E_RANGE, E_NOT_FOUND an input; E_MISMATCH the file name contradicts the
 *          card; E_STATE a bare file's card lies beside @path. On any failure before the rename
 *          the old file is untouched; if only the folder's sync failed, the new one is there.
 */
PLIM_API PLIM_MUST_USE plim_status plim_engine_pack(const char *path, plim_card *card,
                                                    const plim_pack_input *inputs,
                                                    size_t input_count, const plim_pack_opts *opts,
                                                    plim_pack_result *result, plim_error *err);

/* plim_engine_write_card - put a card beside a bare file: hashes the file chunk by chunk,
 * writes <file>.card.json atomically. Errors as for pack. */
PLIM_API PLIM_MUST_USE plim_status plim_engine_write_card(const char *path, plim_card *card,
                                                          const plim_pack_opts *opts,
                                                          plim_pack_result *result,
                                                          plim_error *err);

/* plim_engine_write_bare - put a bare file and its card in place together.
 *
 * Writes @input's bytes to @path and the card beside it: a kill at any point leaves the old
 * pair or the new pair, never a mix (docs/container.md, "The pair"). Errors as for pack. */
PLIM_API PLIM_MUST_USE plim_status plim_engine_write_bare(const char *path, plim_card *card,
                                                          const plim_pack_input *input,
                                                          const plim_pack_opts *opts,
                                                          plim_pack_result *result,
                                                          plim_error *err);

/* ---- opening and loading ---- */

typedef struct plim_engine_file plim_engine_file;

/* plim_engine_open - read the head of an artifact: card, sections, chunk table.
 *
 * Reads nothing of the body. The head is checked against its own digest and bounds; every
 * length is held against the file's size before it is used.
 * Which:   a file with a card beside it is bare; any other must be a container.
 * Memory:  tables are built in @home (a bump or dynamic region). A dynamic region gets them
 *          back at close; a bump region is rewound when opening fails, and otherwise keeps
 *          them, and what was read of a bare file (the card's text, a safetensors header), until
 *          its owner rewinds or resets it.
 * Owns:    gives *@out; keeps the file descriptors and @home until close.
 * Errors:  E_NOT_FOUND, E_IO; E_FORMAT and E_RANGE with field, wanted, found; E_CORRUPT;
 *          E_MISMATCH  the file's name describes itself and differs from the card's name;
 *          E_UNSUPPORTED  a later version; E_STATE  replaced again and again meanwhile; those of
 *          @home.
 */
PLIM_API PLIM_MUST_USE plim_status plim_engine_open(const char *path, plim_region *home,
                                                    plim_engine_file **out, plim_error *err);
PLIM_API void plim_engine_close(plim_engine_file *self);

PLIM_API const plim_card *plim_engine_card(const plim_engine_file *self);
PLIM_API const char *plim_engine_path(const plim_engine_file *self);
PLIM_API uint64_t plim_engine_payload_bytes(const plim_engine_file *self);
/* Room the payload needs in memory: payload rounded up so that direct reads may write
 * whole blocks. Base must be aligned to 4096 (2 MiB for large pages). */
PLIM_API uint64_t plim_engine_room_bytes(const plim_engine_file *self);
PLIM_API size_t plim_engine_section_count(const plim_engine_file *self);
PLIM_API const plim_section *plim_engine_section(const plim_engine_file *self, size_t index);
PLIM_API const plim_section *plim_engine_find_section(const plim_engine_file *self,
                                                      const char *name);
PLIM_API size_t plim_engine_chunk_count(const plim_engine_file *self);
PLIM_API const plim_chunk *plim_engine_chunk(const plim_engine_file *self, size_t index);

typedef enum plim_read_path {
    PLIM_READ_AUTO = 0, /* io_uring + O_DIRECT, else the next best, and says which */
    PLIM_READ_URING_DIRECT = 1,
    PLIM_READ_PREAD_DIRECT = 2, /* threads with O_DIRECT pread */
    PLIM_READ_BUFFERED = 3,     /* windows through the page cache, dropped behind */
} plim_read_path;

typedef struct plim_load_opts {
    size_t struct_size;
    plim_read_path path;
    uint32_t queue_depth;  /* chunks in flight; 0: 8 */
    uint32_t worker_count; /* digest and decode threads; 0: the CPUs that are online, at most 4 */
    uint64_t deadline_ns;  /* from the start of the call; 0: none */
    const volatile bool *cancel; /* polled between chunks; NULL: none. Another thread sets it
                                  * with an atomic store, a signal handler with a plain one */
    void (*progress)(void *context, uint64_t done_bytes, uint64_t total_bytes);
    void *progress_context; /* called from the calling thread */
    bool skip_digest;       /* benches only; never set by the runtime */
    bool no_prefault;
} plim_load_opts;

PLIM_DEFAULTS plim_load_opts plim_load_opts_default(void)
{
    plim_load_opts o = PLIM_ZERO;
    o.struct_size = sizeof(o);
    return o;
}

typedef struct plim_load_stats {
    uint64_t payload_bytes, stored_bytes, chunk_count, lz4_chunk_count;
    uint64_t elapsed_ns, io_cpu_ns, work_cpu_ns;
    uint64_t window_bytes; /* most bytes beyond the payload that the loader held */
    uint64_t huge_bytes;   /* destination backed by large pages, if known */
    plim_read_path path;   /* the one used */
    char path_reason[96];  /* why not a better one; "" when it was the best */
} plim_load_stats;

/* plim_engine_load - stream the whole payload to @base.
 *
 * @base has plim_engine_room_bytes() writable bytes. Chunks may land in any order; the
 * call returns when all have been verified, or with the first failure after everything in
 * flight has come to rest. After a failure the bytes at @base are zeroed.
 * Errors:  E_CORRUPT    a chunk's digest differs; field "chunk N", wanted, found in hex.
 *          E_IO         read error or short file; detail path and offset.
 *          E_FORMAT     an LZ4 block does not decode to its length.
 *          E_CANCELLED, E_DEADLINE.   E_UNSUPPORTED  the path asked for is refused here.
 */
PLIM_API PLIM_MUST_USE plim_status plim_engine_load(plim_engine_file *self, void *base,
                                                    const plim_load_opts *opts,
                                                    plim_load_stats *stats, plim_error *err);

/* plim_engine_load_many - several artifacts as one chunk list, no drain between files. */
PLIM_API PLIM_MUST_USE plim_status plim_engine_load_many(plim_engine_file *const *files,
                                                         void *const *bases, size_t count,
                                                         const plim_load_opts *opts,
                                                         plim_load_stats *stats, plim_error *err);

/* plim_engine_verify - read and check every chunk without keeping it: constant memory.
 * @scratch of at least the largest chunk rounded up to 4096, and aligned to 4096. Reads in order
 * through the page cache and leaves nothing there, also after a failure; opts->path is not used.
 * Errors: as for load; E_ARG scratch. */
PLIM_API PLIM_MUST_USE plim_status plim_engine_verify(plim_engine_file *self, void *scratch,
                                                      size_t scratch_bytes,
                                                      const plim_load_opts *opts,
                                                      plim_load_stats *stats, plim_error *err);

/* plim_engine_weights - the types of the weights, from the artifact itself and not from its card.
 *
 * Reads the graph of an ONNX model (external data count by their shapes, which must have the bytes)
 * or the header of a safetensors file, every chunk that it touches against its digest. Other
 * formats stay unknown: is_known is false, which is no error.
 * @scratch as for plim_engine_verify.
 * Errors:  E_FORMAT  not what its format says, or shapes without bytes; E_CORRUPT, E_IO, E_ARG.
 */
PLIM_API PLIM_MUST_USE plim_status plim_engine_weights(plim_engine_file *self, void *scratch,
                                                       size_t scratch_bytes, plim_weights *out,
                                                       plim_error *err);

/* ---- profile check ---- */

/* plim_card_check_tensor - is this tensor within the engine's profiles? O(rank) a profile, no
 * allocation, before every run.
 * Errors:  E_SHAPE  field "<tensor> dim N", found the value, wanted "[min, max]", detail the
 *          nearest profile; E_NOT_FOUND no such tensor; E_SHAPE for dtype and rank too. */
PLIM_API PLIM_MUST_USE plim_status plim_card_check_tensor(const plim_card *card, const char *name,
                                                          const plim_tensor *tensor,
                                                          plim_error *err);

#ifdef __cplusplus
}
#endif
#endif
