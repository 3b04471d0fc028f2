/* SPDX-License-Identifier: Apache-2.0 */
/* test_systems.c - machines that are no Jetson: driver stacks, names, versions, containers. Whole
 * boards are held against their expected.txt by test_boards.c; here is what a folder can do
 * wrong, and what must not be concluded from it. */
#include <sys/stat.h>
#include <unistd.h>

#include "platform/probe/probe.h"
#include "platform/probe/version_text.h"
#include "test/support/cm.h"
#include "test/support/made_root.h"

static plim_error err;
static plim_facts facts; /* large */
static plim_component components[32];
static size_t component_count;
static char root[512];

static int fresh(void **state)
{
    (void)state;
    memset(&facts, 0, sizeof(facts));
    (void)made_root(root, sizeof(root));
    return 0;
}

static void put(const char *path, const char *text)
{
    made_root_put(root, path, text);
}

static void probe_with(const char *snapshot)
{
    plim_board_opts o = plim_board_opts_default();
    o.root = root;
    o.snapshot = snapshot;
    o.components = components;
    o.component_limit = sizeof(components) / sizeof(components[0]);
    o.out_component_count = &component_count;
    memset(&facts, 0, sizeof(facts));
    assert_ok(plim_board_probe(&o, &facts, &err));
}

static void probe(void)
{
    probe_with(NULL);
}

static const char *text(plim_fact_id id)
{
    return plim_facts_text(&facts, id);
}

static void assert_absent(plim_fact_id id)
{
    if (plim_facts_get(&facts, id)) {
        fail_msg("%s is there: %s", plim_fact_key(id), facts.list[id].source);
    }
}

static bool has_component(const char *name, const char *version, const char *where)
{
    for (size_t i = 0; i < component_count; i++) {
        if (strcmp(components[i].name, name) == 0 && strcmp(components[i].version, version) == 0 &&
            strcmp(components[i].where, where) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- text of versions ---- */

static void values_of_shells_are_unquoted(void **state)
{
    char out[32];
    (void)state;

    assert_true(plim_shell_value("NAME=\"DGX Spark\"", "NAME", out, sizeof(out)));
    assert_string_equal(out, "DGX Spark");
    assert_true(plim_shell_value("NAME='a \\ b'\r", "NAME", out, sizeof(out)));
    assert_string_equal(out, "a \\ b");
    assert_true(plim_shell_value("NAME=\"a \\\"b\\\"\"", "NAME", out, sizeof(out)));
    assert_string_equal(out, "a \"b\"");
    assert_true(plim_shell_value("NAME=plain # not this", "NAME", out, sizeof(out)));
    assert_string_equal(out, "plain");
    assert_true(plim_shell_value("NAME=0123456789012345678901234567890123456789", "NAME", out,
                                 sizeof(out)));
    assert_int_equal(strlen(out), 31);
}

static void lines_that_set_nothing_have_no_value(void **state)
{
    static const char *const LINES[] = {"",         "NAME",     "NAME=",      "NAME=\"\"",
                                        "NAME=\"a", "NAME='a",  "NAMES=a",    "XNAME=a",
                                        "#NAME=a",  "NAME = a", "NAME=\"a\\", "NAME=\"\\\""};
    char out[32];
    (void)state;

    for (size_t i = 0; i < sizeof(LINES) / sizeof(LINES[0]); i++) {
        assert_false(plim_shell_value(LINES[i], "NAME", out, sizeof(out)));
    }
}

static void a_toolkits_version_is_that_of_its_own_member(void **state)
{
    char out[32];
    (void)state;

    assert_true(plim_toolkit_version("{\"a\":{\"cuda\":{\"version\":\"1.0\"}},"
                                     "\"b\":\"cuda\", \"cuda\" : {\"name\":\"{\\\"version\\\"\","
                                     "\"version\" : \"12.6.11\"}}",
                                     "cuda", out, sizeof(out)));
    assert_string_equal(out, "12.6.11");
}

static void damaged_version_files_have_no_version(void **state)
{
    static const char *const TEXTS[] = {
        "",
        "{",
        "[]",
        "\"cuda\"",
        "{\"cuda\"",
        "{\"cuda\":",
        "{\"cuda\":{",
        "{\"cuda\":{\"version\":",
        "{\"cuda\":{\"version\":\"",
        "{\"cuda\":{\"version\":\"12.6",
        "{\"cuda\":{\"version\":12.6}}",
        "{\"cuda\":{\"version\":\"\"}}",
        "{\"cuda\":{\"version\":\"12.6-rc1\"}}",
        "{\"cuda\":\"12.6\"}",
        "{}{\"cuda\":{\"version\":\"12.6\"}}",
        "{\"cuda\":{}}, \"version\":\"12.6\"}",
        "{\"cuda\":{\"version\":\"1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1\"}}",
    };
    char out[32];
    (void)state;

    for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
        assert_false(plim_toolkit_version(TEXTS[i], "cuda", out, sizeof(out)));
    }
}

static void both_modules_of_nvidia_say_their_version(void **state)
{
    char out[32];
    (void)state;

    assert_true(plim_driver_version("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  "
                                    "Sun May 12 19:39:15 UTC 2024",
                                    out, sizeof(out)));
    assert_string_equal(out, "535.183.01");
    assert_true(plim_driver_version("NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  "
                                    "580.95.05  Release Build  (x@y)  Tue",
                                    out, sizeof(out)));
    assert_string_equal(out, "580.95.05");
    assert_false(plim_driver_version("NVRM version: none", out, sizeof(out)));
    assert_false(plim_driver_version("", out, sizeof(out)));
}

static void only_the_file_of_a_library_names_its_version(void **state)
{
    static const char *const LINKS[] = {"libnvinfer.so",
                                        "libnvinfer.so.10",
                                        "libnvinfer.so.10.3",
                                        "libnvinfer.so.10.3.0.bak",
                                        "libnvinfer.so.10.3.",
                                        "libnvinfer.so..3.0",
                                        "libnvinfer_plugin.so.10.3.0"};
    char out[32];
    (void)state;

    assert_true(plim_library_version("libnvinfer.so.10.3.0", "libnvinfer.so.", out, sizeof(out)));
    assert_string_equal(out, "10.3.0");
    for (size_t i = 0; i < sizeof(LINKS) / sizeof(LINKS[0]); i++) {
        assert_false(plim_library_version(LINKS[i], "libnvinfer.so.", out, sizeof(out)));
    }
}

/* ---- which driver ---- */

static void nvidias_module_on_a_tegra_is_for_the_display(void **state)
{
    (void)state;
    made_root_put_bytes(root, "proc/device-tree/compatible", "nvidia,tegra234", 16);
    put("proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  "
                                      "540.4.0  Release Build\n");

    probe();

    assert_string_equal(text(PLIM_FACT_GPU_STACK), "nvgpu"); /* before its own node is there */
    assert_int_equal(facts.list[PLIM_FACT_GPU_STACK].confidence, PLIM_CONFIDENCE_TABLE);
}

static void a_tegras_gpu_node_says_nvgpu(void **state)
{
    (void)state;
    made_root_put_bytes(root, "proc/device-tree/compatible", "nvidia,tegra234", 16);
    put("dev/nvmap", "");
    put("sys/class/devfreq/17000000.ga10b/max_freq", "918000000\n");

    probe();

    assert_string_equal(text(PLIM_FACT_GPU_STACK), "nvgpu");
    assert_int_equal(facts.list[PLIM_FACT_GPU_STACK].confidence, PLIM_CONFIDENCE_READ);
}

static void a_tegra_that_no_table_knows_is_not_given_to_nvidias_module(void **state)
{
    (void)state;
    made_root_put_bytes(root, "proc/device-tree/compatible", "nvidia,tegra999", 16);
    put("proc/driver/nvidia/version", "NVRM version: x  999.1.0  y\n");

    probe();

    assert_absent(PLIM_FACT_GPU_STACK);
}

static void the_gpu_with_the_lowest_bus_number_gives_the_name(void **state)
{
    (void)state;
    put("proc/driver/nvidia/version", "NVRM version: x  570.1.0  y\n");
    put("proc/driver/nvidia/gpus/0000:41:00.0/information", "Model: \t\t NVIDIA L4\n");
    put("proc/driver/nvidia/gpus/0000:03:00.0/information", "Model: \t\t NVIDIA H200\nIRQ: 1\n");

    probe();

    assert_string_equal(text(PLIM_FACT_GPU_NAME), "NVIDIA H200");
    assert_int_equal(plim_facts_number(&facts, PLIM_FACT_GPU_COUNT, 0), 2);
}

static void an_nvidia_card_of_an_unknown_kind_shares_memory_or_not_nobody_knows(void **state)
{
    (void)state;
    put("proc/sys/kernel/arch", "aarch64\n");
    put("proc/driver/nvidia/version", "NVRM version: x  570.1.0  y\n");

    probe();

    assert_string_equal(text(PLIM_FACT_GPU_STACK), "nvidia");
    assert_absent(PLIM_FACT_GPU_SHARES_MEMORY);
    assert_absent(PLIM_FACT_GPU_SM);
}

static void drivers_of_virtual_displays_are_no_gpu(void **state)
{
    (void)state;
    put("sys/class/drm/renderD128/device/uevent", "DRIVER=virtio-pci\nPCI_ID=1AF4:1050\n");
    put("sys/class/drm/card0/device/uevent", "DRIVER=ast\n");

    probe();

    assert_string_equal(text(PLIM_FACT_GPU_STACK), "none");
}

static void a_machine_without_a_gpu_says_so_and_shares_no_memory(void **state)
{
    (void)state;
    put("sys/class/drm/version", "drm 1.1.0 20060810\n");

    probe();

    assert_string_equal(text(PLIM_FACT_GPU_STACK), "none");
    assert_int_equal(plim_facts_number(&facts, PLIM_FACT_GPU_SHARES_MEMORY, 1), 0);
}

static void what_hides_a_gpu_is_not_taken_for_none(void **state)
{
    static const char *const SIGNS[] = {"dev/dxg",   "dev/mali0",         "dev/nvidiactl",
                                        "dev/nvmap", "sys/module/nvidia", "sys/class/kfd"};
    (void)state;

    for (size_t i = 0; i < sizeof(SIGNS) / sizeof(SIGNS[0]); i++) {
        (void)fresh(NULL);
        put("sys/class/drm/version", "drm 1.1.0 20060810\n");
        put(SIGNS[i], "");
        probe();
        assert_absent(PLIM_FACT_GPU_STACK);
        assert_absent(PLIM_FACT_GPU_SHARES_MEMORY);
    }
}

static void a_container_on_a_jetson_is_known_by_its_devfreq_node(void **state)
{
    (void)state;
    put("sys/class/drm/card0/device/uevent", "DRIVER=drm\n");
    put("sys/class/devfreq/17000000.gpu/governor", "nvhost_podgov\n");

    probe();
    assert_absent(PLIM_FACT_GPU_STACK);

    put("dev/nvmap", "");
    probe();
    assert_string_equal(text(PLIM_FACT_GPU_STACK), "nvgpu");
    assert_int_equal(plim_facts_number(&facts, PLIM_FACT_GPU_SHARES_MEMORY, 0), 1);
}

static void a_captured_folder_without_drm_says_nothing_of_a_gpu(void **state)
{
    (void)state;
    put("sys/class/dmi/id/product_name", "A PC\n");

    probe();

    assert_absent(PLIM_FACT_GPU_STACK);
}

static void a_render_node_with_a_damaged_uevent_is_neither_a_driver_nor_none(void **state)
{
    static const char *const TEXTS[] = {
        "", "DRIVER", "DRIVER=", "DRIVER=\n", "XDRIVER=amdgpu\n", "driver=amdgpu\n"};
    (void)state;

    for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
        put("sys/class/drm/renderD128/device/uevent", TEXTS[i]);
        probe();
        assert_absent(PLIM_FACT_GPU_STACK);
    }
}

static void memory_of_an_amd_gpu_that_is_no_number_stays_unknown(void **state)
{
    static const char *const TEXTS[] = {
        "", "-1", "0x10", "99999999999999999999", "12 34", "18446744073709551615"};
    (void)state;
    put("sys/class/drm/renderD128/device/uevent", "DRIVER=amdgpu\nPCI_ID=1002:1586\n");

    for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
        put("sys/class/drm/renderD128/device/mem_info_vram_total", TEXTS[i]);
        put("sys/class/drm/renderD128/device/mem_info_gtt_total", TEXTS[i]);
        probe();
        assert_string_equal(text(PLIM_FACT_GPU_STACK), "amdgpu");
        assert_absent(PLIM_FACT_GPU_MEMORY_BYTES);
        assert_absent(PLIM_FACT_GPU_SHARED_LIMIT);
    }
}

/* ---- which machine ---- */

static void what_firmware_left_as_it_came_is_no_name(void **state)
{
    (void)state;
    put("sys/class/dmi/id/product_name", "To Be Filled By O.E.M.\n");
    put("sys/class/dmi/id/sys_vendor", "Default string\n");

    probe();

    assert_absent(PLIM_FACT_BOARD_NAME);
    assert_absent(PLIM_FACT_BOARD_MODEL);
    assert_absent(PLIM_FACT_BOARD_VENDOR);
}

static void the_release_file_alone_names_a_dgx_spark(void **state)
{
    (void)state;
    put("etc/dgx-release", "# comment\r\nDGX_NAME=\"DGX Spark\"\r\nDGX_SERIAL_NUMBER=\"1\"\r\n");

    probe();

    assert_string_equal(text(PLIM_FACT_BOARD_FAMILY), "dgx-spark");
    assert_int_equal(plim_facts_number(&facts, PLIM_FACT_GPU_SM, 0), 121);
}

static void the_cpus_name_says_strix_halo(void **state)
{
    (void)state;
    put("proc/cpuinfo", "processor\t: 0\nmodel name\t: AMD RYZEN AI MAX+ 395 w/ Radeon 8060S\n");

    probe();

    assert_string_equal(text(PLIM_FACT_BOARD_FAMILY), "strix-halo");
}

static void memory_of_a_gh200s_gpu_is_not_the_cpus(void **state)
{
    plim_board_opts o = plim_board_opts_default();
    (void)state;
    o.root = "test/fixtures/boards/gh200";

    assert_ok(plim_board_probe(&o, &facts, &err));

    const uint64_t total = plim_facts_number(&facts, PLIM_FACT_MEMORY_TOTAL, 0);
    assert_int_equal(total, UINT64_C(502214144) * 1024);
    assert_int_equal(plim_facts_number(&facts, PLIM_FACT_GPU_MEMORY_BYTES, 0),
                     UINT64_C(100139008) * 1024);
    assert_true(plim_facts_number(&facts, PLIM_FACT_MEMORY_AVAILABLE, UINT64_MAX) <= total);
    assert_true(plim_facts_number(&facts, PLIM_FACT_MEMORY_ALLOCATABLE, UINT64_MAX) <= total);
    assert_int_equal(plim_facts_number(&facts, PLIM_FACT_GPU_SHARES_MEMORY, 2), 0);
}

/* ---- what is installed ---- */

static void the_loaders_first_folder_wins_over_a_newer_library(void **state)
{
    (void)state;
    put("etc/ld.so.conf.d/a.conf", "# by hand\n/opt/trt/lib\n");
    put("etc/ld.so.conf.d/b.conf", "/usr/lib/x86_64-linux-gnu\n");
    put("etc/ld.so.conf.d/0.conf.bak", "/opt/old\n");
    put("opt/trt/lib/libnvinfer.so.8.6.1", "");
    put("opt/old/libnvinfer.so.7.0.0", "");
    put("usr/lib/x86_64-linux-gnu/libnvinfer.so.10.7.0", "");
    put("usr/lib/x86_64-linux-gnu/libnvinfer.so.10.3.0", "");

    probe();

    assert_string_equal(text(PLIM_FACT_TENSORRT_RELEASE), "8.6.1");
    assert_int_equal(plim_facts_number(&facts, PLIM_FACT_TENSORRT_COUNT, 0), 3);
    assert_true(
        has_component("tensorrt", "10.3.0", "/usr/lib/x86_64-linux-gnu/libnvinfer.so.10.3.0"));
}

static void a_package_of_another_tensorrt_does_not_give_the_build(void **state)
{
    (void)state;
    put("usr/lib/x86_64-linux-gnu/libnvinfer.so.8.6.1", "");
    put("var/lib/dpkg/status", "Package: libnvinfer10\nVersion: 10.7.0.23-1+cuda12.6\n");

    probe();

    assert_string_equal(text(PLIM_FACT_TENSORRT_RELEASE), "8.6.1");
    assert_absent(PLIM_FACT_TENSORRT_BUILD);
}

static void a_containers_library_and_its_hosts_are_two(void **state)
{
    char host[512];
    (void)state;
    put("usr/lib/aarch64-linux-gnu/libnvinfer.so.8.6.2", "");
    (void)made_root(host, sizeof(host));
    made_root_put(host, "usr/lib/aarch64-linux-gnu/libnvinfer.so.10.3.0", "");

    probe_with(host);

    assert_string_equal(text(PLIM_FACT_TENSORRT_RELEASE), "8.6.2");
    assert_true(
        has_component("tensorrt", "8.6.2", "/usr/lib/aarch64-linux-gnu/libnvinfer.so.8.6.2"));
    assert_true(has_component("tensorrt", "10.3.0",
                              "snapshot /usr/lib/aarch64-linux-gnu/libnvinfer.so.10.3.0"));
}

static void of_several_toolkits_the_linked_one_counts(void **state)
{
    (void)state;
    put("usr/local/cuda-12.6/version.json", "{\"cuda\":{\"version\":\"12.6.3\"}}");
    put("usr/local/cuda-10.2/version.txt", "CUDA Version 10.2.300\r\n");
    put("usr/local/cuda/version.txt", "CUDA Version 10.2.300\n");

    probe();

    assert_string_equal(text(PLIM_FACT_CUDA_TOOLKIT), "10.2.300");
    assert_true(has_component("cuda", "12.6.3", "/usr/local/cuda-12.6"));
    assert_true(has_component("cuda", "10.2.300", "/usr/local/cuda-10.2"));
    assert_false(has_component("cuda", "10.2.300", "/usr/local/cuda"));
}

static void without_a_link_the_newest_toolkit_counts(void **state)
{
    (void)state;
    put("usr/local/cuda-9.2/version.txt", "CUDA Version 9.2.148\n");
    put("usr/local/cuda-12.6/version.json", "{\"cuda_nvcc\":{\"version\":\"12.6.85\"}}");
    put("usr/local/cuda-13.0/version.json", "{\"cuda\":{\"version\":\"13.0");

    probe();

    assert_string_equal(text(PLIM_FACT_CUDA_TOOLKIT), "12.6.85");
}

static void a_runtime_library_names_cuda_where_no_version_file_does(void **state)
{
    (void)state;
    put("usr/local/cuda/targets/aarch64-linux/lib/libcudart.so.12.6.68", "");

    probe();

    assert_string_equal(text(PLIM_FACT_CUDA_TOOLKIT), "12.6.68");
}

/* ---- containers and the system ---- */

static void each_container_manager_is_known_by_its_mark(void **state)
{
    static const struct {
        const char *path, *text, *name;
    } MARKS[] = {
        {".dockerenv", "", "docker"},
        {"run/.containerenv", "engine=\"podman-4.9.3\"\n", "podman"},
        {"run/systemd/container", "lxc\n", "lxc"},
        {"run/systemd/container", "systemd-nspawn", "systemd-nspawn"},
        {"run/secrets/kubernetes.io/serviceaccount/namespace", "default", "kubernetes"},
        {"proc/1/cgroup", "0::/\n12:memory:/docker/4f2c\n", "docker"},
        {"proc/1/cgroup", "0::/kubepods.slice/kubepods-pod1.slice\n", "kubernetes"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(MARKS) / sizeof(MARKS[0]); i++) {
        (void)fresh(NULL);
        put(MARKS[i].path, MARKS[i].text);
        probe();
        assert_string_equal(text(PLIM_FACT_BOARD_CONTAINER), MARKS[i].name);
    }
}

static void a_pod_is_a_pod_although_docker_runs_it(void **state)
{
    (void)state;
    put(".dockerenv", "");
    put("run/secrets/kubernetes.io/serviceaccount/namespace", "default");

    probe();

    assert_string_equal(text(PLIM_FACT_BOARD_CONTAINER), "kubernetes");
}

static void an_environment_of_the_first_process_names_its_container(void **state)
{
    static const char TEXT[] = "PATH=/bin\0container=lxc\0HOME=/";
    (void)state;
    made_root_put_bytes(root, "proc/1/environ", TEXT, sizeof(TEXT));

    probe();

    assert_string_equal(text(PLIM_FACT_BOARD_CONTAINER), "lxc");
}

static void a_host_is_in_no_container_whatever_its_snapshot_is(void **state)
{
    char other[512];
    (void)state;
    put("proc/1/cgroup", "0::/init.scope\n");
    (void)made_root(other, sizeof(other));
    made_root_put(other, ".dockerenv", "");

    probe_with(other);

    assert_absent(PLIM_FACT_BOARD_CONTAINER);
}

static void the_pretty_name_is_the_systems(void **state)
{
    (void)state;
    put("etc/os-release", "NAME=Ubuntu\r\nPRETTY_NAME=\"Ubuntu 22.04.5 LTS\"\r\n");

    probe();

    assert_string_equal(text(PLIM_FACT_OS_NAME), "Ubuntu 22.04.5 LTS");
}

static void a_captured_display_server_is_a_desktop(void **state)
{
    (void)state;
    put("proc/812/comm", "Xorg\n");

    probe();

    assert_int_equal(plim_facts_number(&facts, PLIM_FACT_OS_DESKTOP, 2), 1);
}

static void a_captured_machine_without_one_may_still_have_a_desktop(void **state)
{
    (void)state;
    put("proc/812/comm", "bash\n");

    probe();

    assert_absent(PLIM_FACT_OS_DESKTOP);
}

/* ---- what may be odd about any file ---- */

static void folders_in_place_of_files_are_files_that_cannot_be_read(void **state)
{
    static const char *const PATHS[] = {"etc/os-release",
                                        "etc/dgx-release",
                                        "proc/cpuinfo",
                                        "proc/driver/nvidia/version",
                                        "usr/local/cuda/version.json",
                                        "sys/class/drm/renderD128/device/uevent",
                                        "sys/class/dmi/id/product_name",
                                        "sys/devices/system/cpu/online",
                                        "proc/1/cgroup"};
    char path[128];
    (void)state;
    for (size_t i = 0; i < sizeof(PATHS) / sizeof(PATHS[0]); i++) {
        snprintf(path, sizeof(path), "%s/inside", PATHS[i]);
        put(path, "");
    }

    probe();

    assert_absent(PLIM_FACT_OS_NAME);
    assert_absent(PLIM_FACT_BOARD_NAME);
    assert_absent(PLIM_FACT_GPU_NAME);
    assert_absent(PLIM_FACT_CUDA_TOOLKIT);
}

static void names_too_long_to_be_any_are_passed_over(void **state)
{
    char path[300], name[200];
    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = 0;
    snprintf(path, sizeof(path), "proc/driver/nvidia/gpus/%s/information", name);
    put(path, "Model: a\n");
    snprintf(path, sizeof(path), "sys/class/drm/renderD%s/device/uevent", name);
    put(path, "DRIVER=amdgpu\n");
    snprintf(path, sizeof(path), "usr/local/cuda-%s/version.txt", name);
    put(path, "CUDA Version 12.0.1\n");
    snprintf(path, sizeof(path), "usr/lib/libnvinfer.so.1.2.%s", name);
    put(path, "");
    put("proc/driver/nvidia/version", "NVRM version: x  570.1.0  y\n");

    probe();

    assert_string_equal(text(PLIM_FACT_GPU_STACK), "nvidia");
    assert_absent(PLIM_FACT_GPU_NAME);
    assert_absent(PLIM_FACT_CUDA_TOOLKIT);
    assert_absent(PLIM_FACT_TENSORRT_RELEASE);
}

static void cuda_is_not_asked_for_a_captured_root(void **state)
{
    plim_board_opts o = plim_board_opts_default();
    (void)state;
    put("proc/sys/kernel/arch", "x86_64\n");
    o.root = root;
    o.with_gpu = true;

    assert_ok(plim_board_probe(&o, &facts, &err));

    assert_absent(PLIM_FACT_CUDA_DRIVER);
    assert_absent(PLIM_FACT_GPU_MULTIPROCESSORS_NOW);
}

#define TEST(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_of_shells_are_unquoted),
        TEST(lines_that_set_nothing_have_no_value),
        TEST(a_toolkits_version_is_that_of_its_own_member),
        TEST(damaged_version_files_have_no_version),
        TEST(both_modules_of_nvidia_say_their_version),
        TEST(only_the_file_of_a_library_names_its_version),
        TEST(nvidias_module_on_a_tegra_is_for_the_display),
        TEST(a_tegras_gpu_node_says_nvgpu),
        TEST(a_tegra_that_no_table_knows_is_not_given_to_nvidias_module),
        TEST(the_gpu_with_the_lowest_bus_number_gives_the_name),
        TEST(an_nvidia_card_of_an_unknown_kind_shares_memory_or_not_nobody_knows),
        TEST(drivers_of_virtual_displays_are_no_gpu),
        TEST(a_machine_without_a_gpu_says_so_and_shares_no_memory),
        TEST(what_hides_a_gpu_is_not_taken_for_none),
        TEST(a_container_on_a_jetson_is_known_by_its_devfreq_node),
        TEST(a_captured_folder_without_drm_says_nothing_of_a_gpu),
        TEST(a_render_node_with_a_damaged_uevent_is_neither_a_driver_nor_none),
        TEST(memory_of_an_amd_gpu_that_is_no_number_stays_unknown),
        TEST(what_firmware_left_as_it_came_is_no_name),
        TEST(the_release_file_alone_names_a_dgx_spark),
        TEST(the_cpus_name_says_strix_halo),
        TEST(memory_of_a_gh200s_gpu_is_not_the_cpus),
        TEST(the_loaders_first_folder_wins_over_a_newer_library),
        TEST(a_package_of_another_tensorrt_does_not_give_the_build),
        TEST(a_containers_library_and_its_hosts_are_two),
        TEST(of_several_toolkits_the_linked_one_counts),
        TEST(without_a_link_the_newest_toolkit_counts),
        TEST(a_runtime_library_names_cuda_where_no_version_file_does),
        TEST(each_container_manager_is_known_by_its_mark),
        TEST(a_pod_is_a_pod_although_docker_runs_it),
        TEST(an_environment_of_the_first_process_names_its_container),
        TEST(a_host_is_in_no_container_whatever_its_snapshot_is),
        TEST(the_pretty_name_is_the_systems),
        TEST(a_captured_display_server_is_a_desktop),
        TEST(a_captured_machine_without_one_may_still_have_a_desktop),
        TEST(folders_in_place_of_files_are_files_that_cannot_be_read),
        TEST(names_too_long_to_be_any_are_passed_over),
        TEST(cuda_is_not_asked_for_a_captured_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
