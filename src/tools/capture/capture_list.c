/* SPDX-License-Identifier: Apache-2.0 */
/* capture_list.c - every file that a probe of plimsoll reads. The one place to add to.
 *
 * Left off on purpose: a GPU's "load", because reading it wakes the GPU; files of other processes;
 * kernel and user command lines and environments; and every name that capture_is_secret knows,
 * also where a '*' would reach it.
 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "src/tools/capture/capture.h"

const capture_entry CAPTURE_LIST[] = {
    /* which machine */
    {"proc/device-tree/{compatible,model}", CAPTURE_WHOLE},
    {"proc/device-tree/nvidia,dtsfilename", CAPTURE_WHOLE},
    {"proc/device-tree/nvidia,boardids", CAPTURE_WHOLE},
    {"proc/device-tree/chosen/plugin-manager/ids/*", CAPTURE_PRESENCE},
    {"sys/class/dmi/id/{product_name,product_family,product_version,product_sku,sys_vendor,"
     "board_name,board_vendor,chassis_type,bios_vendor}",
     CAPTURE_WHOLE},
    {"sys/devices/soc0/{family,machine,soc_id,revision}", CAPTURE_WHOLE},
    {"sys/module/tegra_fuse/parameters/tegra_chip_id", CAPTURE_WHOLE},
    {"etc/{nv_tegra_release,nv_boot_control.conf,dgx-release,os-release}", CAPTURE_WHOLE},
    {"usr/lib/os-release", CAPTURE_WHOLE},
    {"{.dockerenv,run/.containerenv}", CAPTURE_PRESENCE},
    {"run/systemd/container", CAPTURE_WHOLE},
    {"proc/sys/kernel/{arch,osrelease,ostype}", CAPTURE_WHOLE},
    /* versions */
    {"var/lib/dpkg/status", CAPTURE_PACKAGES},
    {"usr/local/{cuda,cuda-*}/version.{json,txt}", CAPTURE_WHOLE},
    {"usr/lib/{aarch64,x86_64}-linux-gnu/lib{nvinfer,cudnn,cudart}.so*", CAPTURE_PRESENCE},
    {"usr/lib/{aarch64,x86_64}-linux-gnu/{nvidia,tegra}/libcuda.so*", CAPTURE_PRESENCE},
    {"usr/local/{cuda,cuda-*}/{lib64,targets/*/lib}/lib{nvinfer,cudnn,cudart}.so*",
     CAPTURE_PRESENCE},
    {"usr/{lib64,lib,local/lib}/lib{nvinfer,cudnn,cudart}.so*", CAPTURE_PRESENCE},
    {"opt/*/{lib,lib64,targets/*/lib}/lib{nvinfer,cudnn,cudart}.so*", CAPTURE_PRESENCE},
    {"etc/ld.so.conf.d/*.conf", CAPTURE_WHOLE},
    /* cores, caches, nodes */
    {"proc/cpuinfo", CAPTURE_WHOLE},
    {"sys/devices/system/cpu/{possible,present,online,offline,kernel_max}", CAPTURE_WHOLE},
    {"sys/devices/system/cpu/cpu*/online", CAPTURE_WHOLE},
    {"sys/devices/system/cpu/cpu*/cpufreq/{scaling_governor,scaling_max_freq,scaling_min_freq,"
     "cpuinfo_max_freq,cpuinfo_min_freq,scaling_cur_freq}",
     CAPTURE_WHOLE},
    {"sys/devices/system/cpu/cpufreq/policy*/{scaling_governor,scaling_max_freq,scaling_cur_freq,"
     "cpuinfo_max_freq,related_cpus}",
     CAPTURE_WHOLE},
    {"sys/devices/system/cpu/cpu*/cache/index*/{id,level,type,size,coherency_line_size,"
     "number_of_sets,ways_of_associativity,physical_line_partition,shared_cpu_list,"
     "shared_cpu_map}",
     CAPTURE_WHOLE},
    {"sys/devices/system/cpu/cpufreq/policy*/{scaling_cur_freq,scaling_max_freq,"
     "cpuinfo_max_freq,affected_cpus,related_cpus,scaling_governor}",
     CAPTURE_WHOLE},
    {"sys/devices/system/cpu/cpu*/topology/*", CAPTURE_WHOLE},
    {"sys/devices/system/cpu/cpu*/regs/identification/midr_el1", CAPTURE_WHOLE},
    {"sys/devices/system/node/{online,possible,has_cpu,has_memory,has_normal_memory}",
     CAPTURE_WHOLE},
    {"sys/devices/system/node/node*/{meminfo,cpulist,cpumap,distance}", CAPTURE_WHOLE},
    {"sys/devices/system/node/node*/hugepages/*/{nr_hugepages,free_hugepages}", CAPTURE_WHOLE},
    /* memory */
    {"proc/{meminfo,buddyinfo,zoneinfo,vmstat,swaps,filesystems}", CAPTURE_WHOLE},
    {"proc/pressure/{memory,cpu,io}", CAPTURE_WHOLE},
    {"proc/sys/vm/{overcommit_memory,overcommit_ratio,overcommit_kbytes,swappiness,"
     "min_free_kbytes,max_map_count,nr_hugepages,watermark_scale_factor,"
     "watermark_boost_factor,compaction_proactiveness,zone_reclaim_mode}",
     CAPTURE_WHOLE},
    {"proc/self/{limits,oom_score_adj}", CAPTURE_WHOLE},
    {"sys/kernel/mm/transparent_hugepage/{enabled,defrag,shmem_enabled,hpage_pmd_size}",
     CAPTURE_WHOLE},
    {"sys/kernel/mm/hugepages/*/{nr_hugepages,free_hugepages,resv_hugepages,surplus_hugepages}",
     CAPTURE_WHOLE},
    {"sys/kernel/mm/cma/*/*", CAPTURE_WHOLE},
    {"sys/kernel/mm/{swap/vma_ra_enabled,lru_gen/enabled,ksm/run}", CAPTURE_WHOLE},
    {"sys/kernel/debug/cma/*/{count,used,base_pfn,order_per_bit,maxchunk}", CAPTURE_WHOLE},
    {"sys/kernel/debug/swiotlb/{io_tlb_nslabs,io_tlb_used}", CAPTURE_WHOLE},
    {"proc/device-tree/reserved-memory/{#address-cells,#size-cells}", CAPTURE_WHOLE},
    {"proc/device-tree/reserved-memory/*/{reg,size,reusable,no-map,alignment,status,compatible}",
     CAPTURE_WHOLE},
    {"sys/block/*/size", CAPTURE_WHOLE},
    {"sys/block/zram*/{mm_stat,disksize,comp_algorithm,initstate,io_stat,backing_dev}",
     CAPTURE_WHOLE},
    {"sys/module/zswap/parameters/{enabled,max_pool_percent}", CAPTURE_WHOLE},
    /* nvmap */
    {"dev/{nvmap,nvhost-gpu,nvidia0,nvidiactl,nvidia-uvm,kfd,mali0,kgsl-3d0,dxg}",
     CAPTURE_PRESENCE},
    {"sys/module/{nvmap,nvgpu,nvidia,nvidia_uvm,amdgpu,panthor,panfrost,msm,rknpu}/"
     "{initstate,version}",
     CAPTURE_WHOLE},
    {"sys/module/nvmap/parameters/*", CAPTURE_WHOLE},
    {"sys/kernel/debug/nvmap/iovmm/clients", CAPTURE_CLIENTS},
    {"sys/kernel/debug/nvmap/*/{base,size,free_size}", CAPTURE_WHOLE},
    {"sys/kernel/debug/nvmap/handles_by_pid/*", CAPTURE_WHOLE},
    {"sys/kernel/debug/nvmap/stats/{total_memory,collect}", CAPTURE_WHOLE},
    {"sys/kernel/debug/nvmap/pagepool/*", CAPTURE_WHOLE},
    /* power, clocks, temperatures */
    {"etc/{nvpmodel.conf,nvpmodel/*.conf}", CAPTURE_WHOLE},
    {"var/lib/nvpmodel/{status,conf_file_cfg}", CAPTURE_WHOLE},
    {"sys/kernel/{nvpmodel_emc_cap,nvpmodel_clk_cap}/*", CAPTURE_WHOLE},
    {"sys/kernel/debug/bpmp/debug/clk/emc/{rate,min_rate,max_rate,mrq_rate_locked}", CAPTURE_WHOLE},
    {"sys/kernel/debug/clk/override.emc/clk_rate", CAPTURE_WHOLE},
    {"sys/kernel/debug/{cactmon/mc_all,bpmp/debug/actmon/mc_all_avg_activity}", CAPTURE_WHOLE},
    {"sys/kernel/actmon_avg_activity/mc_all", CAPTURE_WHOLE},
    {"sys/class/devfreq/*/{name,cur_freq,min_freq,max_freq,governor,available_frequencies,"
     "available_governors}",
     CAPTURE_WHOLE},
    {"sys/class/devfreq/*/device/{railgate_enable,is_railgated,tpc_pg_mask,gpc_pg_mask,"
     "fbp_pg_mask,tpc_fs_mask,gpu_powered_on,vendor,device}",
     CAPTURE_WHOLE},
    {"sys/class/devfreq/*/device/power/{control,runtime_status,autosuspend_delay_ms}",
     CAPTURE_WHOLE},
    {"sys/class/devfreq/*/device/of_node/{name,compatible}", CAPTURE_WHOLE},
    {"sys/devices/{gpu.0,platform/gpu.0,*.gpu,platform/*.gpu,*.ga10b,platform/*.ga10b,*.gv11b,"
     "platform/*.gv11b,*.gp10b,platform/*.gp10b,platform/bus@0/*.gpu}/"
     "{railgate_enable,is_railgated,tpc_pg_mask,gpc_pg_mask,fbp_pg_mask,tpc_fs_mask,"
     "gpu_powered_on}",
     CAPTURE_WHOLE},
    {"sys/class/thermal/thermal_zone*/{type,temp,mode,trip_point_*_type,trip_point_*_temp}",
     CAPTURE_WHOLE},
    {"sys/class/thermal/cooling_device*/{type,cur_state,max_state}", CAPTURE_WHOLE},
    {"sys/class/hwmon/hwmon*/{name,in*_label,in*_input,curr*_input,curr*_max,curr*_crit,"
     "curr*_alarm,curr*_label,power*_input,power*_label,temp*_label,temp*_input,"
     "oc*_event_cnt,oc*_throt_en}",
     CAPTURE_WHOLE},
    {"sys/bus/i2c/drivers/ina3221/*/hwmon/hwmon*/{name,in*_label,in*_input,curr*_input,"
     "curr*_max,curr*_crit}",
     CAPTURE_WHOLE},
    {"sys/bus/i2c/drivers/ina3221x/*/iio*device*/{rail_name_*,in_power*_input}", CAPTURE_WHOLE},
    /* GPUs of others */
    {"proc/driver/nvidia/version", CAPTURE_WHOLE},
    {"proc/driver/nvidia/gpus/*/{information,power,numa_status}", CAPTURE_WHOLE},
    {"sys/class/accel/*/device/uevent", CAPTURE_WHOLE},
    {"sys/class/drm/version", CAPTURE_WHOLE},
    {"sys/class/{misc/mali0,kfd}", CAPTURE_PRESENCE},
    {"sys/module/{nvidia,nvgpu}", CAPTURE_PRESENCE},
    {"sys/class/drm/{card*,renderD*}/device/{vendor,device,class,uevent,mem_info_vram_total,"
     "mem_info_vram_used,mem_info_gtt_total,mem_info_gtt_used,mem_info_vis_vram_total}",
     CAPTURE_WHOLE},
    {"sys/bus/pci/devices/*/{vendor,device,class}", CAPTURE_WHOLE},
    {"sys/module/ttm/parameters/pages_limit", CAPTURE_WHOLE},
    {"sys/class/kgsl/kgsl-3d0/{gpu_model,max_gpuclk,gpuclk}", CAPTURE_WHOLE},
    {"sys/kernel/debug/rknpu/version", CAPTURE_WHOLE},
    /* processes: this one's control group, and whether a desktop runs */
    {"proc/*/comm", CAPTURE_DISPLAY},
    {"{tmp/.X11-unix/X*,run/user/*/wayland-0}", CAPTURE_PRESENCE},
    {"{var/run,run}/secrets/kubernetes.io", CAPTURE_PRESENCE},
    {"proc/{self,1}/mountinfo", CAPTURE_MOUNTS},
    {"proc/{self,1}/cgroup", CAPTURE_GROUPS},
};
const size_t CAPTURE_LIST_COUNT = sizeof(CAPTURE_LIST) / sizeof(CAPTURE_LIST[0]);

const char *const CAPTURE_GROUP_FILES[] = {
    "cgroup.controllers",
    "cgroup.type",
    "memory.current",
    "memory.peak",
    "memory.max",
    "memory.high",
    "memory.low",
    "memory.min",
    "memory.stat",
    "memory.events",
    "memory.pressure",
    "memory.swap.current",
    "memory.swap.max",
    "memory.oom.group",
    "memory.usage_in_bytes",
    "memory.max_usage_in_bytes",
    "memory.limit_in_bytes",
    "memory.soft_limit_in_bytes",
    "memory.memsw.limit_in_bytes",
    "memory.memsw.usage_in_bytes",
    "memory.use_hierarchy",
    "memory.swappiness",
    "cpuset.mems.effective",
    "cpuset.cpus.effective",
    NULL,
};

static bool expand_at(char *text, capture_each *each, void *context)
{
    char *open = strchr(text, '{');
    char *close = open ? strchr(open, '}') : NULL;
    if (!close) {
        return each(context, text);
    }
    for (char *word = open + 1; word <= close; word += strcspn(word, ",}") + 1) {
        char next[CAPTURE_PATH_BYTES];
        int n = snprintf(next, sizeof(next), "%.*s%.*s%s", (int)(open - text), text,
                         (int)strcspn(word, ",}"), word, close + 1);
        if (n > 0 && (size_t)n < sizeof(next) && !expand_at(next, each, context)) {
            return false;
        }
    }
    return true;
}

bool capture_expand(const char *text, capture_each *each, void *context)
{
    char copy[2048];
    int n = snprintf(copy, sizeof(copy), "%s", text);
    return n < 0 || (size_t)n >= sizeof(copy) || expand_at(copy, each, context);
}

static bool differs(void *context, const char *pattern)
{
    return fnmatch(pattern, context, FNM_PATHNAME | FNM_PERIOD) != 0;
}

bool capture_is_listed(const char *path)
{
    char copy[CAPTURE_PATH_BYTES];
    snprintf(copy, sizeof(copy), "%s", path);
    for (size_t i = 0; i < CAPTURE_LIST_COUNT; i++) {
        if (!capture_expand(CAPTURE_LIST[i].pattern, differs, copy)) {
            return true;
        }
    }
    return false;
}

bool capture_is_secret(const char *path)
{
    static const char *const PARTS[] = {"serial", "uuid", "asset_tag", "unique_id", "hostname"};
    static const char *const NAMES[] = {"address",  "addr",    "machine-id", "cmdline", "environ",
                                        "bootargs", "boot_id", "passwd",     "shadow",  "nodename"};
    while (*path) {
        char name[256];
        size_t n = strcspn(path, "/");
        snprintf(name, sizeof(name), "%.*s", (int)n, path);
        for (size_t i = 0; i < sizeof(PARTS) / sizeof(PARTS[0]); i++) {
            if (strcasestr(name, PARTS[i])) {
                return true;
            }
        }
        for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
            if (strcasecmp(name, NAMES[i]) == 0) {
                return true;
            }
        }
        path += n + (path[n] == '/');
    }
    return false;
}
