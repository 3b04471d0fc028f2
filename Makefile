# Plimsoll. One file, no recursion. `make help` lists the targets.
#
#   MODE=release|debug|asan|tsan   what to build, in build/$(MODE)
#   V=1                            show the commands
#   CFLAGS, LDFLAGS                the builder's own; ours are kept apart

MODE   ?= release
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
B      := build/$(MODE)
CC     ?= cc
VERSION := $(shell sed -n 's/^.define PLIM_VERSION_STRING "\(.*\)"/\1/p' include/plimsoll/version.h)
SONAME  := libplimsoll.so.$(firstword $(subst ., ,$(VERSION)))

CFLAGS_release := -O2 -g -DPLIM_CHECKS=0 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
CFLAGS_debug   := -O0 -g3 -DPLIM_CHECKS=2
CFLAGS_asan    := -O1 -g -DPLIM_CHECKS=1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
CFLAGS_tsan    := -O1 -g -DPLIM_CHECKS=1 -fsanitize=thread
LDFLAGS_asan   := -fsanitize=address,undefined
LDFLAGS_tsan   := -fsanitize=thread
ifeq ($(CFLAGS_$(MODE)),)
$(error MODE=$(MODE) is none of release, debug, asan, tsan)
endif

OUR_CFLAGS := -std=c11 -Wall -Wextra -Wpedantic -Werror -Wshadow -Wundef -Wstrict-prototypes \
  -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wvla -fvisibility=hidden -fPIC \
  -fstack-protector-strong -fasynchronous-unwind-tables -pthread -Iinclude -I. $(CFLAGS_$(MODE))
OUR_LDFLAGS := -pthread $(LDFLAGS_$(MODE)) -Wl,-z,relro,-z,now
# arena/ is arithmetic: it is compiled without the system's extensions.
OS_CFLAGS := -D_GNU_SOURCE
# Ubuntu 20.04 has no liburing: the loader then reads by threads (platform/linux/stream/stream_pread.c)
URING     = $(shell pkg-config --exists liburing && echo uring)
LIBS      = -lhwloc -lnuma $(URING:%=-l%) -llz4 -lcrypto -lzstd -lz -ljansson -ldl -lm
TOOL_LIBS = $(LIBS) -lyaml
HDF5_CFLAGS = $(shell pkg-config --cflags hdf5)
HDF5_LIBS   = $(shell pkg-config --libs hdf5)
AV_LIBS   := -lavformat -lavcodec -lavutil -lswscale

ARENA_SRC    := $(wildcard arena/*.c)
PLATFORM_SRC := $(wildcard platform/*.c platform/*/*.c platform/*/*/*.c)
SRC_SRC      := $(wildcard src/*.c src/engine/*.c src/tensor/*.c src/backend/*.c \
                  src/backend/onnxruntime/*.c src/episode/*.c src/survey/*.c src/runtime/*.c src/report/*.c)
LIB_SRC      := $(ARENA_SRC) $(PLATFORM_SRC) $(SRC_SRC)
LIB_OBJ      := $(LIB_SRC:%.c=$(B)/%.o)
VIDEO_SRC    := $(wildcard src/episode/video/*.c)
VIDEO_OBJ    := $(VIDEO_SRC:%.c=$(B)/%.o)
HDF5_SRC     := $(wildcard src/survey/hdf5/*.c)
HDF5_OBJ     := $(HDF5_SRC:%.c=$(B)/%.o)
TOOLS_SRC    := $(wildcard src/tools/*.c src/tools/capture/*.c)
CLI_SRC      := $(TOOLS_SRC) $(wildcard src/tools/plimsoll/*.c)
CLI_OBJ      := $(CLI_SRC:%.c=$(B)/%.o)
MEMREPORT_SRC := $(TOOLS_SRC) $(wildcard src/tools/memreport/*.c)
MEMREPORT_OBJ := $(MEMREPORT_SRC:%.c=$(B)/%.o)
TEST_SRC     := $(wildcard test/test_*.c test/conformance/*.c)
TEST_BIN     := $(TEST_SRC:%.c=$(B)/%)
SUPPORT_OBJ  := $(patsubst %.c,$(B)/%.o,$(wildcard test/support/*.c))
FUZZ_SRC     := $(wildcard test/fuzz/fuzz_*.c)
FUZZ_BIN     := $(FUZZ_SRC:%.c=$(B)/%)
BENCH_SRC    := $(wildcard bench/bench_*.c bench/make_*.c)
BENCH_BIN    := $(BENCH_SRC:%.c=$(B)/%)
# arena/ once more, every branch target reporting: the paths of bench_instructions
PATHS_OBJ    := $(ARENA_SRC:%.c=$(B)/paths/%.o)
BENCH_SUPPORT_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard bench/support/*.c))

ifeq ($(V),1)
Q :=
else
Q := @
MAKEFLAGS += --no-print-directory
say = @echo "  $(1)";
endif

.PHONY: all lib tools help test demo deps models bench asan tsan lint install clean format
.DEFAULT_GOAL := all

all: deps lib tools ## library, plug-in and tools (default)
lib: $(B)/libplimsoll.a $(B)/libplimsoll.so $(if $(VIDEO_SRC),$(B)/plimsoll-video.so) $(B)/plimsoll-hdf5
tools: $(if $(CLI_SRC),$(B)/plimsoll) $(if $(MEMREPORT_SRC),$(B)/memreport)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

# ---- what the machine must have; nothing is downloaded the second time ----
deps: build/.packages ## Debian packages that the build needs
build/.packages: setup/packages.sh setup/packages.txt
	$(Q)mkdir -p build && sh setup/packages.sh setup/packages.txt && touch $@

models: deps ## ONNX Runtime and real models, from pinned wheels
	$(Q)sh setup/wheels.sh setup/wheels.txt build/wheels

# ---- objects ----
$(B)/.flags: FORCE
	$(Q)mkdir -p $(B); echo '$(CC) $(OUR_CFLAGS) $(CFLAGS) $(OUR_LDFLAGS) $(LDFLAGS)' > $@.new; \
	  cmp -s $@.new $@ 2>/dev/null && rm $@.new || mv $@.new $@
FORCE:

$(B)/arena/%.o: arena/%.c $(B)/.flags | build/.packages
	$(call say,CC $<)
	$(Q)mkdir -p $(@D) && $(CC) $(OUR_CFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@
$(B)/paths/arena/%.o: arena/%.c $(B)/.flags | build/.packages
	$(Q)mkdir -p $(@D) && $(CC) $(OUR_CFLAGS) $(CFLAGS) -fsanitize-coverage=trace-pc -MMD -MP -c $< -o $@
$(B)/%.o: %.c $(B)/.flags | build/.packages
	$(call say,CC $<)
	$(Q)mkdir -p $(@D) && $(CC) $(OUR_CFLAGS) $(OS_CFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

# the tables that builtin.c has the assembler include
$(B)/platform/policy/builtin.o: $(wildcard platform/policy/*.table)

$(B)/libplimsoll.a: $(LIB_OBJ)
	$(call say,AR $@)
	$(Q)rm -f $@ && ar rcs $@ $^
$(B)/libplimsoll.so: $(LIB_OBJ) plimsoll.map
	$(call say,LD $@)
	$(Q)$(CC) -shared $(OUR_LDFLAGS) $(LDFLAGS) -Wl,-soname,$(SONAME) -Wl,--version-script=plimsoll.map \
	  -o $@ $(LIB_OBJ) $(LIBS) && ln -sf libplimsoll.so $(B)/$(SONAME)
$(B)/plimsoll-video.so: $(VIDEO_OBJ)
	$(call say,LD $@)
	$(Q)$(CC) -shared $(OUR_LDFLAGS) $(LDFLAGS) -o $@ $^ $(AV_LIBS)
$(HDF5_OBJ): CFLAGS += $(HDF5_CFLAGS)
$(B)/plimsoll-hdf5: $(HDF5_OBJ) $(B)/libplimsoll.a
	$(call say,LD $@)
	$(Q)$(CC) $(OUR_LDFLAGS) $(LDFLAGS) -o $@ $^ $(HDF5_LIBS) -lm
$(B)/make_episode: $(B)/setup/make_episode.o
	$(Q)$(CC) $(OUR_LDFLAGS) $(LDFLAGS) -o $@ $^ $(AV_LIBS)
# a LeRobot data set for machines that have none: three episodes, one camera, 44 joints
build/demo/episode: | $(B)/make_episode
	$(Q)mkdir -p build/demo && rm -rf $@.new && $(B)/make_episode $@.new && mv $@.new $@
$(B)/plimsoll: $(CLI_OBJ) $(B)/libplimsoll.a
	$(call say,LD $@)
	$(Q)$(CC) $(OUR_LDFLAGS) $(LDFLAGS) -o $@ $^ $(TOOL_LIBS)
$(B)/memreport: $(MEMREPORT_OBJ) $(B)/libplimsoll.a
	$(call say,LD $@)
	$(Q)$(CC) $(OUR_LDFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# ---- tests ----
$(TEST_BIN): $(B)/%: $(B)/%.o $(SUPPORT_OBJ) $(B)/libplimsoll.a
	$(Q)$(CC) $(OUR_LDFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(TOOL_LIBS) -lcmocka
# the tools' parsers are no part of the library
SHEET_UNITS := sheet sheet_read sheet_report sheet_recorded sheet_recording plain_text diff \
  figures draw_text draw_bars draw_time draw_table page export report_open
$(B)/test/fuzz/fuzz_plan_table $(B)/test/fuzz/fuzz_trace_table: \
  $(filter-out %/main.o,$(CLI_OBJ))
$(B)/test/test_run_heat: $(addprefix $(B)/src/tools/,plimsoll/run_heat.o heat_text.o plimsoll/terminal.o sizes.o)
$(B)/test/fuzz/fuzz_sheet: $(addprefix $(B)/src/tools/memreport/,$(addsuffix .o,$(SHEET_UNITS))) \
  $(B)/src/tools/xml_text.o
$(FUZZ_BIN): $(B)/%: $(B)/%.o $(B)/test/fuzz/driver.o $(B)/libplimsoll.a
	$(Q)$(CC) $(OUR_LDFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(TOOL_LIBS)
$(B)/bench/bench_plan: $(B)/test/support/plan_jigsaw.o
$(B)/bench/bench_headroom: $(B)/test/support/situation.o $(B)/test/support/cm.o
$(B)/bench/bench_headroom: TOOL_LIBS += -lcmocka
$(BENCH_BIN): $(B)/%: $(B)/%.o $(BENCH_SUPPORT_OBJ) $(B)/libplimsoll.a
	$(Q)$(CC) $(OUR_LDFLAGS) $(LDFLAGS) -o $@ $^ $(TOOL_LIBS)
$(B)/bench/bench_instructions.paths: $(B)/bench/bench_instructions.o $(PATHS_OBJ) $(BENCH_SUPPORT_OBJ) $(B)/libplimsoll.a
	$(Q)$(CC) $(OUR_LDFLAGS) $(LDFLAGS) -o $@ $^ $(TOOL_LIBS)

# a GPU driver of our own, for the probe of what is charged to a control group
$(B)/test/fake_cuda.so: $(B)/test/fake_driver/fake_cuda.o
	$(Q)$(CC) -shared $(OUR_LDFLAGS) $(LDFLAGS) -o $@ $^

.PHONY: build-tests run-tests fuzz
build-tests: deps lib tools $(B)/make_episode $(B)/test/fake_cuda.so $(TEST_BIN)
run-tests: build-tests
	$(Q)T='$(T)' sh test/run.sh $(B)
test: deps ## everything a change must pass (T=arena for one)
	-$(Q)$(MAKE) models || echo "going on without: the tests that need it skip, and are counted"
	$(Q)$(MAKE) run-tests
demo: deps ## three real engines over an episode: plan, load, run, breakdown, verdict
	$(Q)$(MAKE) models
	$(Q)$(MAKE) lib tools $(B)/make_episode
	$(Q)sh setup/demo.sh $(B)
asan: ## the tests under address and undefined-behaviour sanitizers
	$(Q)$(MAKE) MODE=asan run-tests
tsan: ## the tests under the thread sanitizer
	$(Q)$(MAKE) MODE=tsan run-tests
fuzz: ## short form of the fuzzers, under sanitizers (N= executions each)
	$(Q)$(MAKE) MODE=asan run-fuzz
.PHONY: run-fuzz
run-fuzz: deps $(FUZZ_BIN)
	$(Q)for f in $(FUZZ_BIN); do $$f $(or $(N),20000) || exit 1; done

.PHONY: peers bench-arena bench-instructions bench-plan bench-load bench-peak bench-latency bench-predict bench-black-box bench-headroom bench-telemetry bench-detect
peers: ## other people's planners and allocators, into build/peers (PEERS_FROM=DIR of git folders)
	$(Q)sh bench/peers.sh
bench-arena: deps $(B)/bench/bench_arena ## the dynamic region beside other allocators (ARGS=--quick)
	-$(Q)sh setup/packages.sh setup/packages-bench.txt || echo "going on without them"
	$(Q)sh bench/peers.sh tlsf
	$(Q)$(B)/bench/bench_arena $(ARGS)
bench-instructions: deps $(B)/bench/bench_instructions $(B)/bench/bench_instructions.paths ## instructions of the worst allocate and free (ARGS=--quick)
	$(Q)$(B)/bench/bench_instructions $(ARGS)
bench-plan: deps $(B)/bench/bench_plan ## the planner beside other planners (ARGS=--quick)
	$(Q)$(if $(findstring --quick,$(ARGS)),true,sh bench/peers.sh minimalloc supermalloc)
	$(Q)mkdir -p build/bench && $(B)/bench/bench_plan $(ARGS)
bench-load: deps $(B)/bench/bench_load ## load rates beside the device's own (ARGS=--quick)
	$(Q)$(B)/bench/bench_load $(ARGS)
bench-latency: deps $(B)/bench/bench_latency ## a run beside ONNX Runtime's own terms, paired
	$(Q)$(MAKE) models
	$(Q)mkdir -p build/bench && \
	  PLIMSOLL_ONNXRUNTIME="$${PLIMSOLL_ONNXRUNTIME:-$$PWD/build/wheels/libonnxruntime.so}" \
	  $(B)/bench/bench_latency $(ARGS)
bench-black-box: deps $(B)/bench/bench_black_box ## one record of a black box (ARGS=--quick)
	$(Q)$(B)/bench/bench_black_box $(ARGS)
bench-headroom: deps $(B)/bench/bench_headroom ## promised headroom against trial allocations (ARGS=--quick)
	$(Q)mkdir -p build/bench && $(B)/bench/bench_headroom $(ARGS)
bench-telemetry: deps $(B)/bench/bench_telemetry ## what a poll of all sensors costs, and a reader (ARGS=--quick)
	$(Q)$(B)/bench/bench_telemetry $(ARGS)
bench-detect: deps $(B)/bench/bench_detect ## what it costs to know the board (ARGS=--quick)
	$(Q)$(B)/bench/bench_detect $(ARGS)
bench-predict: deps tools lib $(B)/make_episode $(B)/bench/bench_predict ## predicted peaks against measured (ARGS=--quick)
	-$(Q)$(MAKE) models
	$(Q)$(B)/bench/bench_predict $(ARGS)
bench-peak: deps $(B)/bench/bench_peak ## peak memory as the kernel counts it (ARGS=--quick)
	-$(Q)$(MAKE) models
	$(Q)PLIMSOLL_ONNXRUNTIME="$${PLIMSOLL_ONNXRUNTIME:-$$PWD/build/wheels/libonnxruntime.so}" \
	  $(B)/bench/bench_peak $(ARGS)

-include $(wildcard $(B)/*.d $(B)/*/*.d $(B)/*/*/*.d $(B)/*/*/*/*.d)

# ---- lint, install ----
lint: all ## rooms, headers, symbols, man pages, shell; cppcheck and shellcheck when there
	$(Q)sh test/lint/rooms.sh
	$(Q)sh test/lint/headers.sh
	$(Q)sh test/lint/symbols.sh $(B)
	$(Q)sh test/lint/documents.sh $(B)
	@echo "lint: rooms, headers, symbols and documents hold"

install: lib tools ## into $(DESTDIR)$(PREFIX): libraries, headers, tools, man pages, pkg-config, CMake
	$(Q)install -d $(DESTDIR)$(PREFIX)/include/plimsoll $(DESTDIR)$(LIBDIR)/pkgconfig \
	  $(DESTDIR)$(LIBDIR)/cmake/plimsoll $(DESTDIR)$(LIBDIR)/plimsoll $(DESTDIR)$(PREFIX)/bin \
	  $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5
	$(Q)install -m 644 include/plimsoll/*.h $(DESTDIR)$(PREFIX)/include/plimsoll
	$(Q)install -m 644 $(B)/libplimsoll.a $(DESTDIR)$(LIBDIR)
	$(Q)install -m 755 $(B)/libplimsoll.so $(DESTDIR)$(LIBDIR)/libplimsoll.so.$(VERSION)
	$(Q)ln -sf libplimsoll.so.$(VERSION) $(DESTDIR)$(LIBDIR)/$(SONAME)
	$(Q)ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libplimsoll.so
	$(Q)install -m 755 $(B)/plimsoll-video.so $(B)/plimsoll-hdf5 $(DESTDIR)$(LIBDIR)/plimsoll
	$(Q)install -m 755 $(B)/plimsoll $(B)/memreport $(DESTDIR)$(PREFIX)/bin
	$(Q)install -d $(DESTDIR)$(PREFIX)/share/plimsoll
	$(Q)install -m 644 docs/*.schema.json $(DESTDIR)$(PREFIX)/share/plimsoll
	$(Q)install -m 644 docs/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	$(Q)install -m 644 docs/man/*.5 $(DESTDIR)$(PREFIX)/share/man/man5
	$(Q)for f in plimsoll.pc:pkgconfig plimsoll-config.cmake:cmake/plimsoll \
	  plimsoll-config-version.cmake:cmake/plimsoll; do \
	  sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@LIBDIR@|$(LIBDIR)|g' -e 's|@VERSION@|$(VERSION)|g' \
	    -e 's|@URING@|$(URING:%=%;)|' -e 's|@LIBURING@|$(URING:%=lib% )|' \
	    setup/$${f%%:*}.in > $(DESTDIR)$(LIBDIR)/$${f##*:}/$${f%%:*}; done

compile_commands.json: ## for editors and clang-tidy
	$(Q){ echo '['; for f in $(LIB_SRC) $(CLI_SRC) $(MEMREPORT_SRC) $(TEST_SRC); do \
	  printf '{"directory":"%s","file":"%s","command":"$(CC) $(OUR_CFLAGS) $(OS_CFLAGS) -c %s"},\n' "$$PWD" $$f $$f; \
	  done | sed '$$ s/,$$//'; echo ']'; } > $@
format: ## clang-format over every source
	$(Q)git ls-files '*.c' '*.h' | xargs clang-format -i

clean: ## remove everything that was built (keeps downloaded wheels)
	$(Q)rm -rf build/release build/debug build/asan build/tsan build/bench
