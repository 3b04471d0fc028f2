/* SPDX-License-Identifier: Apache-2.0 */
/* facts.h - what is known about a machine, each fact with its source and how sure it is.
 *
 * One table of named facts. Probes fill it, and an engine's card and the settings of frameworks
 * can be put beside what the probes found; rules (policy.h), the doctor and the reports read it.
 * A fact that nobody could read is absent: never zero, never guessed without saying so. The key is
 * the published name: it stands in JSON, in expected.txt of a captured board and in the conditions
 * of a rule.
 *
 * Which value wins when two probes know a fact: the surer one; of two that are as sure, the first.
 */
#ifndef PLIMSOLL_FACTS_H
#define PLIMSOLL_FACTS_H

#include <stdbool.h>

#include "plimsoll/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum plim_confidence {
    PLIM_CONFIDENCE_NONE = 0,  /* absent */
    PLIM_CONFIDENCE_GUESS = 1, /* a rule of thumb over other facts, such as MemTotal's size */
    PLIM_CONFIDENCE_TABLE = 2, /* looked up in a table by a name that the machine gave */
    PLIM_CONFIDENCE_READ = 3,  /* the machine said so */
    PLIM_CONFIDENCE_GIVEN = 4, /* the caller or the user said so */
} plim_confidence;

typedef enum plim_unit {
    PLIM_UNIT_TEXT = 0,
    PLIM_UNIT_COUNT = 1,
    PLIM_UNIT_BYTES = 2,
    PLIM_UNIT_BYTES_PER_S = 3,
    PLIM_UNIT_HERTZ = 4,
    PLIM_UNIT_FLAG = 5,    /* 0 or 1; "no", "yes" as text */
    PLIM_UNIT_VERSION = 6, /* text, compared number by number: 10.3.0 < 10.13 */
    PLIM_UNIT_SM = 7,      /* compute capability, 87 is 8.7 */
    PLIM_UNIT_MASK = 8,    /* bits, printed as hexadecimal */
    PLIM_UNIT_RATIO = 9,   /* text with a decimal point, compared as a number */
} plim_unit;

/* X(name, key, unit, what it says). A new one goes to the end of its group. */
#define PLIM_FACT_LIST(X)                                                                          \
    /* board: which machine */                                                                     \
    X(BOARD_NAME, "board.name", TEXT, "the module or the machine, for people")                     \
    X(BOARD_MODULE, "board.module", TEXT, "part number of the module, p3767-0000")                 \
    X(BOARD_MODEL, "board.model", TEXT, "as the device tree or DMI says; carriers change it")      \
    X(BOARD_CARRIER, "board.carrier", TEXT, "part number of the carrier board")                    \
    X(BOARD_VENDOR, "board.vendor", TEXT, "DMI vendor")                                            \
    X(BOARD_SOC, "board.soc", TEXT, "tegra234, rk3588, gb10, ...")                                 \
    X(BOARD_FAMILY, "board.family", TEXT, "orin-nx, agx-orin, thor, dgx-spark, gh200, pc, ...")    \
    X(BOARD_CONTAINER, "board.container", TEXT, "docker, podman, lxc, ...; absent outside one")    \
    X(BOARD_SNAPSHOT, "board.snapshot", TEXT, "folder that a container's missing files came from") \
    /* cpu */                                                                                      \
    X(CPU_ARCH, "cpu.arch", TEXT, "aarch64, x86_64")                                               \
    X(CPU_POSSIBLE, "cpu.possible", COUNT, "cores of the chip, power mode aside")                  \
    X(CPU_ONLINE, "cpu.online", COUNT, "cores that run now")                                       \
    X(CPU_GOVERNOR, "cpu.governor", TEXT, "cpufreq governor of the first online core")             \
    X(CPU_MAX_HZ, "cpu.max", HERTZ, "highest clock of any core")                                   \
    X(CPU_L1D_BYTES, "cpu.l1d", BYTES, "smallest L1 data cache")                                   \
    X(CPU_L2_BYTES, "cpu.l2", BYTES, "smallest L2 cache")                                          \
    X(CPU_L3_BYTES, "cpu.l3", BYTES, "last-level cache, one instance")                             \
    X(CPU_LINE_BYTES, "cpu.line", BYTES, "cache line")                                             \
    X(NUMA_NODES, "numa.nodes", COUNT, "memory nodes")                                             \
    X(NUMA_CPULESS, "numa.cpuless", COUNT, "memory nodes without cores: a GPU's memory on GH200")  \
    /* gpu */                                                                                      \
    X(GPU_NAME, "gpu.name", TEXT, "as its driver says")                                            \
    X(GPU_STACK, "gpu.stack", TEXT, "nvgpu, nvidia, amdgpu, panthor, panfrost, msm, kgsl, none")   \
    X(GPU_DRIVER, "gpu.driver", VERSION, "version of the kernel driver")                           \
    X(GPU_SM, "gpu.sm", SM, "compute capability")                                                  \
    X(GPU_MULTIPROCESSORS, "gpu.multiprocessors", COUNT, "of the module, all powered")             \
    X(GPU_MULTIPROCESSORS_NOW, "gpu.multiprocessors_now", COUNT, "left by the power mode")         \
    X(GPU_TPC_MASK, "gpu.tpc_mask", MASK, "gated TPCs, two multiprocessors each")                  \
    X(GPU_MAX_HZ, "gpu.max", HERTZ, "highest clock of the chip")                                   \
    X(GPU_CAP_HZ, "gpu.cap", HERTZ, "highest clock allowed now")                                   \
    X(GPU_GOVERNOR, "gpu.governor", TEXT, "devfreq governor")                                      \
    X(GPU_SHARES_MEMORY, "gpu.shares_memory", FLAG, "CPU and GPU share one DRAM")                  \
    X(GPU_MEMORY_BYTES, "gpu.memory", BYTES, "memory of its own")                                  \
    X(GPU_L2_BYTES, "gpu.l2", BYTES, "its L2 cache")                                               \
    X(GPU_DLA_CORES, "gpu.dla", COUNT, "deep learning accelerators")                               \
    X(NPU_NAME, "npu.name", TEXT, "another accelerator, such as rknpu")                            \
    X(GPU_COUNT, "gpu.count", COUNT, "GPUs of that driver")                                        \
    X(GPU_SHARED_LIMIT, "gpu.shared_limit", BYTES, "of the machine's memory that it may map: GTT") \
    /* memory */                                                                                   \
    X(MEMORY_INSTALLED, "memory.installed", BYTES, "DRAM of the module")                           \
    X(MEMORY_TOTAL, "memory.total", BYTES, "MemTotal: installed less carveouts")                   \
    X(MEMORY_AVAILABLE, "memory.available", BYTES, "the kernel's estimate")                        \
    X(MEMORY_FREE, "memory.free", BYTES, "in no use")                                              \
    X(MEMORY_KIND, "memory.kind", TEXT, "LPDDR5, ...")                                             \
    X(MEMORY_BANDWIDTH, "memory.bandwidth", BYTES_PER_S, "of the module")                          \
    X(MEMORY_EMC_CAP_HZ, "memory.emc_cap", HERTZ, "limit of the memory clock")                     \
    X(MEMORY_CMA_TOTAL, "memory.cma_total", BYTES, "contiguous memory area")                       \
    X(MEMORY_CMA_FREE, "memory.cma_free", BYTES, "unused of it; CUDA cannot have it")              \
    X(MEMORY_PAGE_POOL, "memory.page_pool", BYTES, "pages that nvmap keeps for later")             \
    X(MEMORY_NVMAP_USED, "memory.nvmap_used", BYTES, "all nvmap handles")                          \
    X(MEMORY_NVMAP_FREE, "memory.nvmap_free", BYTES, "nvmap's own bound")                          \
    X(MEMORY_LARGEST_FREE, "memory.largest_free", BYTES, "largest free block of pages")            \
    X(MEMORY_PAGE_BYTES, "memory.page", BYTES, "page size")                                        \
    X(MEMORY_HUGE_PAGES, "memory.huge_pages", TEXT, "always, madvise, never")                      \
    X(MEMORY_HUGE_RESERVED, "memory.huge_reserved", BYTES, "hugetlb pages set aside")              \
    X(MEMORY_OVERCOMMIT, "memory.overcommit", COUNT, "vm.overcommit_memory")                       \
    X(MEMORY_CARVEOUTS, "memory.carveouts", BYTES, "reserved by the device tree")                  \
    X(MEMORY_GPU_CHARGED, "memory.gpu_charged", FLAG, "GPU pages count in the control group")      \
    X(MEMORY_ALLOCATABLE, "memory.allocatable", BYTES, "headroom after every deduction")           \
    X(SWAP_TOTAL, "swap.total", BYTES, "all swap")                                                 \
    X(SWAP_FREE, "swap.free", BYTES, "unused of it")                                               \
    X(SWAP_ZRAM, "swap.zram", BYTES, "swap that lies in the same DRAM")                            \
    X(SWAP_ZRAM_USED, "swap.zram_used", BYTES, "DRAM that zram holds now")                         \
    X(SWAP_DISK, "swap.disk", BYTES, "swap on a disk")                                             \
    X(SWAP_SWAPPINESS, "swap.swappiness", COUNT, "vm.swappiness")                                  \
    X(CGROUP_VERSION, "cgroup.version", COUNT, "1 or 2")                                           \
    X(CGROUP_LIMIT, "cgroup.limit", BYTES, "tightest limit on the way up; absent: none")           \
    X(CGROUP_USAGE, "cgroup.usage", BYTES, "charged to that group")                                \
    X(PSI_AVAILABLE, "psi.available", FLAG, "the kernel tells memory pressure")                    \
    /* power */                                                                                    \
    X(POWER_MODE, "power.mode", TEXT, "name of the nvpmodel mode")                                 \
    X(POWER_MODE_ID, "power.mode_id", COUNT, "its number")                                         \
    X(POWER_MODE_DEFAULT, "power.mode_default", COUNT, "number of the default mode")               \
    X(POWER_MODE_MAX, "power.mode_max", TEXT, "name of the mode without limits")                   \
    /* software */                                                                                 \
    X(OS_NAME, "os.name", TEXT, "PRETTY_NAME of os-release")                                       \
    X(OS_KERNEL, "os.kernel", VERSION, "release of the kernel")                                    \
    X(OS_DESKTOP, "os.desktop", FLAG, "a graphical session's server runs")                         \
    X(L4T_RELEASE, "l4t.release", VERSION, "36.4.0")                                               \
    X(JETPACK_RELEASE, "jetpack.release", VERSION, "6.1")                                          \
    X(CUDA_TOOLKIT, "cuda.toolkit", VERSION, "installed toolkit")                                  \
    X(CUDA_DRIVER, "cuda.driver", VERSION, "highest CUDA that the driver serves")                  \
    X(TENSORRT_RELEASE, "tensorrt.release", VERSION, "that a process here would load")             \
    X(TENSORRT_BUILD, "tensorrt.build", VERSION, "with its fourth number")                         \
    X(TENSORRT_COUNT, "tensorrt.count", COUNT, "different ones installed")                         \
    X(CUDNN_RELEASE, "cudnn.release", VERSION, "installed")                                        \
    /* settings of allocators, as the environment or the caller gives them */                      \
    X(PYTORCH_RELEASE, "pytorch.release", VERSION, "when the caller says so")                      \
    X(PYTORCH_CONF, "pytorch.conf", TEXT, "which variable held the settings")                      \
    X(PYTORCH_EXPANDABLE, "pytorch.expandable_segments", FLAG, "expandable_segments")              \
    X(PYTORCH_THRESHOLD, "pytorch.garbage_collection_threshold", RATIO, "of the collector")        \
    X(PYTORCH_SPLIT, "pytorch.max_split_size", BYTES, "max_split_size_mb")                         \
    X(PYTORCH_ROUNDUP, "pytorch.roundup_power2_divisions", TEXT, "as given")                       \
    X(PYTORCH_BACKEND, "pytorch.backend", TEXT, "native or cudaMallocAsync")                       \
    X(PYTORCH_NO_CACHING, "pytorch.no_caching", FLAG, "PYTORCH_NO_CUDA_MEMORY_CACHING")            \
    X(PYTORCH_FRACTION, "pytorch.memory_fraction", RATIO, "set_per_process_memory_fraction")       \
    X(PYTORCH_UNKNOWN, "pytorch.unknown", TEXT, "first setting that PyTorch does not know")        \
    X(PYTORCH_REFUSED, "pytorch.refused", TEXT, "first setting whose value PyTorch refuses")       \
    X(PYTORCH_NATIVE_ONLY, "pytorch.native_only", TEXT, "first one that only native reads")        \
    X(PYTORCH_CONF_UNREAD, "pytorch.conf_unread", TEXT, "variable that another one hides")         \
    X(ORT_ARENA, "ort.arena_extend_strategy", TEXT, "kNextPowerOfTwo or kSameAsRequested")         \
    X(ORT_LIMIT, "ort.gpu_mem_limit", BYTES, "of its CUDA arena")                                  \
    X(ORT_MEMORY_PATTERN, "ort.memory_pattern", FLAG, "activations in one block")                  \
    X(TRT_WORKSPACE, "tensorrt.workspace", BYTES, "workspace limit of a build")                    \
    X(MALLOC_ARENAS, "malloc.arena_max", COUNT, "arenas of glibc")                                 \
    X(MALLOC_MMAP, "malloc.mmap_threshold", BYTES, "larger blocks are mapped")                     \
    X(MALLOC_TRIM, "malloc.trim_threshold", BYTES, "top that is kept")                             \
    X(MALLOC_TCACHE, "malloc.tcache_count", COUNT, "blocks that each thread keeps")                \
    X(MALLOC_TOP_PAD, "malloc.top_pad", BYTES, "asked for on top of each growth")                  \
    X(MALLOC_HUGE, "malloc.hugetlb", COUNT, "1: madvise large pages, 2: hugetlb")                  \
    X(MALLOC_UNKNOWN, "malloc.unknown", TEXT, "first setting that glibc reads past")               \
    X(MALLOC_LIBRARY, "malloc.library", TEXT, "jemalloc, tcmalloc, mimalloc when preloaded")       \
    X(CUDA_LAZY, "cuda.module_loading", TEXT, "LAZY or EAGER")                                     \
    X(CUDA_DEVICES, "cuda.visible_devices", TEXT, "CUDA_VISIBLE_DEVICES; none: empty or -1")       \
    X(SETTINGS_OF, "settings.of", TEXT, "environment that was read; absent: none was")             \
    /* card: the engine that is to be loaded, when there is one */                                 \
    X(CARD_NAME, "card.name", TEXT, "model")                                                       \
    X(CARD_BACKEND, "card.backend", TEXT, "onnxruntime, tensorrt, null")                           \
    X(CARD_FORMAT, "card.format", TEXT, "plan, onnx+weights, ...")                                 \
    X(CARD_BUILD, "card.build", TEXT, "native, emulated, compat, portable, unknown")               \
    X(CARD_BUILT_ON, "card.built_on", TEXT, "board")                                               \
    X(CARD_SM, "card.sm", SM, "it is tied to")                                                     \
    X(CARD_MULTIPROCESSORS, "card.multiprocessors", COUNT, "it is tied to")                        \
    X(CARD_L4T, "card.l4t", VERSION, "it is tied to")                                              \
    X(CARD_JETPACK, "card.jetpack", VERSION, "it is tied to")                                      \
    X(CARD_TENSORRT, "card.tensorrt", VERSION, "it is tied to")                                    \
    X(CARD_TENSORRT_BUILD, "card.tensorrt_build", VERSION, "with its fourth number")               \
    X(CARD_VERSION_COMPATIBLE, "card.version_compatible", FLAG, "later TensorRTs may load it")     \
    X(CARD_GPU, "card.gpu", TEXT, "name of the GPU it is tied to")                                 \
    X(CARD_PRECISION_ASKED, "card.precision_asked", TEXT, "what the build was told")               \
    X(CARD_PRECISION_FOUND, "card.precision_found", TEXT, "what came out")                         \
    X(CARD_PRECISION_SUPPORT, "card.precision_support", TEXT, "what this machine has for it")      \
    X(CARD_PAYLOAD, "card.payload", BYTES, "weights and graph")                                    \
    X(CARD_LARGEST, "card.largest", BYTES, "largest single block that the load asks for")

typedef enum plim_fact_id {
#define PLIM_FACT_ENUM(name, key, unit, text) PLIM_FACT_##name,
    PLIM_FACT_LIST(PLIM_FACT_ENUM)
#undef PLIM_FACT_ENUM
        PLIM_FACT_COUNT
} plim_fact_id;

#define PLIM_FACT_TEXT_BYTES   80u
#define PLIM_FACT_SOURCE_BYTES 96u

typedef struct plim_fact {
    uint64_t number;                     /* of units that are numbers; else 0 */
    char text[PLIM_FACT_TEXT_BYTES];     /* of units that are text; printable; else "" */
    char source[PLIM_FACT_SOURCE_BYTES]; /* "/proc/meminfo", "table boards, p3767-0000" */
    plim_confidence confidence;          /* NONE: absent, and all else is zero */
} plim_fact;

/* Plain and large (some 24 KB): static or in a region, not on a small stack. Zero is empty. */
typedef struct plim_facts {
    plim_fact list[PLIM_FACT_COUNT];
} plim_facts;

/* plim_facts_get - NULL when the fact is absent. */
PLIM_API const plim_fact *plim_facts_get(const plim_facts *facts, plim_fact_id id);
/* plim_facts_text, plim_facts_number - "" and @otherwise when it is absent. */
PLIM_API const char *plim_facts_text(const plim_facts *facts, plim_fact_id id);
PLIM_API uint64_t plim_facts_number(const plim_facts *facts, plim_fact_id id, uint64_t otherwise);

/* plim_facts_set_text, plim_facts_set_number - note a fact, unless a surer one, or one as sure and
 * earlier, stands there. Text is cut to fit, and bytes that do not print become '?'; empty text
 * notes nothing. @source is copied. True when it was noted. The unit must fit the call. */
PLIM_API bool plim_facts_set_text(plim_facts *facts, plim_fact_id id, const char *text,
                                  plim_confidence confidence, const char *source);
PLIM_API bool plim_facts_set_number(plim_facts *facts, plim_fact_id id, uint64_t number,
                                    plim_confidence confidence, const char *source);
PLIM_API void plim_facts_forget(plim_facts *facts, plim_fact_id id);

/* What is fixed about a fact. "" and TEXT for an id that is none. */
PLIM_API const char *plim_fact_key(plim_fact_id id);
PLIM_API plim_unit plim_fact_unit(plim_fact_id id);
PLIM_API const char *plim_fact_meaning(plim_fact_id id);
/* plim_fact_find - the fact with this key (@key_bytes long); PLIM_FACT_COUNT when there is none. */
PLIM_API plim_fact_id plim_fact_find(const char *key, size_t key_bytes);
PLIM_API const char *plim_confidence_text(plim_confidence confidence);

/* plim_fact_format - the value for a person: "15.3 GiB", "8.7", "0xfc", "yes", "102.4 GB/s".
 * As snprintf: returns what the whole text needs. */
PLIM_API size_t plim_fact_format(plim_fact_id id, const plim_fact *fact, char *buffer,
                                 size_t buffer_bytes);

/* plim_version_compare - number by number, "36.4" = "36.4.0" < "36.4.7" < "36.10"; what follows
 * the numbers ("-tegra", "+cuda12") is not looked at. <0, 0, >0. */
PLIM_API int plim_version_compare(const char *a, const char *b);

#ifdef __cplusplus
}
#endif
#endif
