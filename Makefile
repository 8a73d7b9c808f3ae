# mlcm: make | make bench | make test | make bench-bandai | make reproduce-bandai | make install
CC      ?= gcc
BUILD   ?= build
PREFIX  ?= /usr/local
ARCH    ?= native
COMMIT  := $(shell git describe --always --dirty --exclude='*' 2>/dev/null || echo unknown)

PKGS    := openblas hdf5 gsl libcjson libcrypto liblzma libutf8proc zlib
CFLAGS  ?= -O3 -g
override CFLAGS += -std=c11 -D_GNU_SOURCE -march=$(ARCH) -fopenmp -fno-math-errno -fno-trapping-math \
           -Wall -Wextra -Wshadow -Wconversion -MMD -MP $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LDLIBS  := $(filter-out -lgslcblas,$(shell pkg-config --libs $(PKGS) 2>/dev/null)) -lm

LIB_SRC   := $(wildcard engine/*.c datasets/*.c metrics/*.c baselines/*.c)
BENCH_SRC := $(wildcard bench/*.c bench/report/*.c)
TEST_SRC  := $(wildcard tests/test_*.c)
FUZZ_SRC  := $(wildcard tests/fuzz/fuzz_*.c)
LIB_OBJ   := $(LIB_SRC:%.c=$(BUILD)/%.o)

# make CUDA=1: the device on an NVIDIA GPU, engine/cuda_*.cu in place of engine/cuda_absent.c.
CUDA      ?= 0
NVCC      ?= nvcc
CUDA_SRC  := $(wildcard engine/cuda_*.cu)
ifeq ($(CUDA),1)
CUDA_HOME ?= $(patsubst %/bin/nvcc,%,$(shell command -v $(NVCC)))
NVFLAGS   ?= -O3 -lineinfo -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=[sm_90,compute_90]
LIB_OBJ   := $(filter-out $(BUILD)/engine/cuda_absent.o,$(LIB_OBJ)) $(CUDA_SRC:%.cu=$(BUILD)/%.cu.o)
LDLIBS    += -L$(CUDA_HOME)/lib64 -Wl,-rpath,$(CUDA_HOME)/lib64 -lcublas -lcudart -lstdc++
endif
ASSETS    := $(wildcard bench/report/*.html bench/report/*.css bench/report/*.js)
BENCH_OBJ := $(BENCH_SRC:%.c=$(BUILD)/%.o) $(ASSETS:%=$(BUILD)/%.o)
TESTS     := $(TEST_SRC:tests/%.c=$(BUILD)/%)

MAKEFLAGS += --no-print-directory

# A short line a file; make V=1 shows the commands.
quietly = $(if $(V),,@)
say     = @$(if $(V),:,echo)

# A make within make: as many jobs as there are cores, unless the caller said.
PARALLEL = $(MAKE) $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

all: $(BUILD)/mlcm

$(BUILD)/libmlcm.a: $(LIB_OBJ) $(BUILD)/cuda
	@rm -f $@
	$(say) "  ar $@"
	$(quietly)ar rcs $@ $(filter %.o,$^)

$(BUILD)/mlcm: $(BENCH_OBJ) $(BUILD)/libmlcm.a
	$(say) "  link $@"
	$(quietly)$(CC) $(CFLAGS) -o $@ $(BENCH_OBJ) $(BUILD)/libmlcm.a $(LDLIBS)

# The program on a device that is strict about memory (tests/device_check.c): --device check
$(BUILD)/mlcm_check: $(BENCH_OBJ) $(BUILD)/tests/device_check.o $(BUILD)/libmlcm.a
	$(say) "  link $@"
	$(quietly)$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

# Unit tests link the library and, for the report formats, bench without main.
$(BUILD)/test_%: $(BUILD)/tests/test_%.o $(filter-out $(BUILD)/bench/main.o,$(BENCH_OBJ)) $(BUILD)/libmlcm.a
	$(say) "  link $@"
	$(quietly)$(CC) $(CFLAGS) -o $@ $(filter %.o,$^) $(BUILD)/libmlcm.a $(LDLIBS) -lcmocka

OP_TESTS = $(BUILD)/test_ops $(BUILD)/test_cuda_host
$(OP_TESTS): $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/op_*.c) tests/device_pairs.c)
$(BUILD)/test_device_check: $(BUILD)/tests/device_check.o
$(BUILD)/test_malformed: $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/malformed*.c))
$(BUILD)/test_out_of_memory: $(BUILD)/tests/malformed.o

# The CUDA device on the host, in place of whatever device_open_cuda the library holds: tests/cuda_host/cuda_runtime.h.
HOST_CUDA_OBJ := $(CUDA_SRC:%.cu=$(BUILD)/cuda_host/%.o) $(patsubst tests/cuda_host/%.cpp,$(BUILD)/cuda_host/%.o,$(wildcard tests/cuda_host/*.cpp))
CXXFLAGS      ?= -O2 -g
override CXXFLAGS += -std=c++20 -Itests/cuda_host -Wall -Wextra -Wno-unknown-pragmas -Wno-missing-field-initializers \
                 $(filter -fsanitize% -fno-sanitize% -fno-omit-frame-pointer,$(CFLAGS)) -MMD -MP $(shell pkg-config --cflags openblas 2>/dev/null)
$(BUILD)/cuda_host/engine/%.o: engine/%.cu | packages
	@mkdir -p $(@D)
	$(say) "  c++ $<"
	$(quietly)$(CXX) $(CXXFLAGS) -x c++ -c -o $@ $<
$(BUILD)/cuda_host/%.o: tests/cuda_host/%.cpp | packages
	@mkdir -p $(@D)
	$(say) "  c++ $<"
	$(quietly)$(CXX) $(CXXFLAGS) -c -o $@ $<
$(BUILD)/test_cuda_host $(BUILD)/test_replay $(BUILD)/mlcm_cuda_host: $(HOST_CUDA_OBJ)
$(BUILD)/test_cuda_host $(BUILD)/test_replay: LDLIBS += -lstdc++
$(BUILD)/mlcm_cuda_host: $(BENCH_OBJ) $(BUILD)/libmlcm.a
	$(say) "  link $@"
	$(quietly)$(CC) $(CFLAGS) -o $@ $(BENCH_OBJ) $(HOST_CUDA_OBJ) $(BUILD)/libmlcm.a $(LDLIBS) -lstdc++

# Programs in which the allocations of our own code are counted, and made to fail.
comma  := ,
COUNTED = $(BUILD)/test_malformed $(BUILD)/test_out_of_memory
$(COUNTED): $(BUILD)/tests/counted_memory.o
$(COUNTED): LDLIBS += $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc free strdup strndup)

# A fuzz target twice: with libFuzzer (clang), and with a main that replays files.
$(BUILD)/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/fuzz.o $(BUILD)/libmlcm.a
	$(say) "  link $@"
	$(quietly)$(CC) $(CFLAGS) -fsanitize=fuzzer -o $@ $(filter %.o,$^) $(filter %bench.a,$^) $(BUILD)/libmlcm.a $(LDLIBS)
$(BUILD)/replay_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/replay.o $(BUILD)/tests/fuzz/fuzz.o $(BUILD)/libmlcm.a
	$(say) "  link $@"
	$(quietly)$(CC) $(CFLAGS) -o $@ $(filter %.o,$^) $(filter %bench.a,$^) $(BUILD)/libmlcm.a $(LDLIBS)
$(foreach target,experiment motions results,$(BUILD)/fuzz_$(target) $(BUILD)/replay_$(target)): $(BUILD)/libbench.a
$(BUILD)/libbench.a: $(filter-out $(BUILD)/bench/main.o,$(BENCH_OBJ))
	@rm -f $@
	$(say) "  ar $@"
	$(quietly)ar rcs $@ $^

$(BUILD)/%.o: %.c | packages
	@mkdir -p $(@D)
	$(say) "  cc $<"
	$(quietly)$(CC) $(CFLAGS) -c -o $@ $<

$(BUILD)/%.cu.o: %.cu | packages
	@mkdir -p $(@D)
	$(say) "  nvcc $<"
	$(quietly)$(NVCC) -std=c++20 $(NVFLAGS) -Xcompiler -Wall,-Wextra,-Wno-missing-field-initializers -MMD -MP -c -o $@ $<
# The report's page is part of the program: each of its files is a NUL-terminated array.
$(BUILD)/bench/report/%.c: bench/report/%
	@mkdir -p $(@D)
	@{ echo 'extern const char asset_$(subst .,_,$*)[];'; echo 'const char asset_$(subst .,_,$*)[] = {'; \
	   od -v -An -tu1 $< | sed -E 's/ +([0-9]+)/(char)\1,/g'; echo '0};'; } > $@
$(addprefix $(BUILD)/,$(ASSETS:=.o)): $(BUILD)/%.o: $(BUILD)/%.c
	$(say) "  cc $<"
	$(quietly)$(CC) $(CFLAGS) -c -o $@ $<

# The CPU kernels alone may contract a*b+c and use the widest vectors; metrics never do.
$(BUILD)/engine/cpu_%.o: override CFLAGS += -ffp-contract=fast -mprefer-vector-width=512

# Compiled anew when the commit is another one.
$(BUILD)/bench/version.o: override CFLAGS += -DMLCM_COMMIT='"$(COMMIT)"'
$(BUILD)/bench/version.o: $(BUILD)/commit
$(BUILD)/commit: always
	@mkdir -p $(@D); echo '$(COMMIT)' | cmp -s - $@ || echo '$(COMMIT)' > $@

# Archived anew when CUDA comes or goes.
$(BUILD)/cuda: always
	@mkdir -p $(@D); echo '$(CUDA)' | cmp -s - $@ || echo '$(CUDA)' > $@

packages:
	@pkg-config --exists $(PKGS) || { \
	  echo "mlcm: libraries are missing ($(PKGS)); run scripts/install.sh" >&2; exit 4; }

tests: $(BUILD)/mlcm $(BUILD)/mlcm_check $(BUILD)/mlcm_cuda_host $(TESTS)
fuzzers: $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/%)
replays: $(FUZZ_SRC:tests/fuzz/fuzz_%.c=$(BUILD)/replay_%)

# In a make of its own: the flags above come from packages that may be missing now.
test:
	@scripts/install.sh
	+@$(PARALLEL) tests
	@scripts/run_tests.sh $(BUILD)

SANITIZE = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined

asan:
	@scripts/install.sh
	+@$(PARALLEL) tests BUILD=build/asan CFLAGS="$(SANITIZE)"
	@scripts/run_tests.sh build/asan

# Needs clang with libFuzzer. One target: make fuzz TARGET=pickle SECONDS=60
fuzz:
	+@$(PARALLEL) $(if $(TARGET),$(TARGET:%=build/fuzz/fuzz_%),fuzzers) BUILD=build/fuzz CC=clang ARCH=x86-64-v3 \
	  CFLAGS="-w $(SANITIZE) -fsanitize=fuzzer-no-link"
	@scripts/fuzz_all.sh $(or $(SECONDS),600) $(TARGET)

fuzz-replay:
	@scripts/install.sh
	+@$(PARALLEL) replays BUILD=build/asan CFLAGS="$(SANITIZE)"
	@scripts/fuzz_replay.sh build/asan $(TARGET)

# With the procedural set and the small models that come along: no download.
bench reproduce-default:
	@scripts/install.sh
	+@$(PARALLEL) all
	@MODE=$(@:%-default=%) BUILD=$(BUILD) scripts/bench_default.sh

bench-bandai reproduce-bandai:
	@scripts/install.sh
	+@$(PARALLEL) all
	@MODE=$(@:%-bandai=%) BUILD=$(BUILD) scripts/bench_bandai.sh

# For a machine without compiler and libraries; see scripts/portable.sh.
portable:
	@CUDA=$(CUDA) CC="$(CC)" scripts/portable.sh

# The manual page and the completions say what the program says of itself.
DOCS := $(BUILD)/mlcm.1 $(BUILD)/completion/mlcm $(BUILD)/completion/_mlcm
docs: $(DOCS)
$(DOCS): $(BUILD)/mlcm $(wildcard scripts/docs/*.sh)
$(BUILD)/mlcm.1:
	scripts/docs/man_page.sh $(BUILD)/mlcm > $@.new && mv $@.new $@
$(BUILD)/completion/%:
	@mkdir -p $(@D)
	scripts/docs/completion.sh $(BUILD)/mlcm $(if $(filter _%,$*),zsh,bash) > $@.new && mv $@.new $@

install: all docs
	install -D -m 755 $(BUILD)/mlcm $(DESTDIR)$(PREFIX)/bin/mlcm
	install -D -m 644 $(BUILD)/libmlcm.a $(DESTDIR)$(PREFIX)/lib/libmlcm.a
	install -D -m 644 engine/mlcm.h $(DESTDIR)$(PREFIX)/include/mlcm.h
	install -d $(DESTDIR)$(PREFIX)/share/mlcm/plots
	install -m 644 scripts/plots/*.gp $(DESTDIR)$(PREFIX)/share/mlcm/plots
	install -D -m 644 $(BUILD)/mlcm.1 $(DESTDIR)$(PREFIX)/share/man/man1/mlcm.1
	install -D -m 644 $(BUILD)/completion/mlcm $(DESTDIR)$(PREFIX)/share/bash-completion/completions/mlcm
	install -D -m 644 $(BUILD)/completion/_mlcm $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_mlcm

clean:
	rm -rf $(BUILD)

help:
	@echo "make                   the program $(BUILD)/mlcm and $(BUILD)/libmlcm.a"
	@echo "make bench             Tables 1 and 2 on a generated set with the models that come along, and a report: a quick look"
	@echo "make reproduce-default train these models from nothing and compare their hashes"
	@echo "make bench-bandai      the main job: measure the committed models on real motions"
	@echo "make reproduce-bandai  train these models first, from the raw recordings"
	@echo "make test              install missing packages, build, run every test"
	@echo "make asan              the same under the address and undefined-behaviour sanitizers"
	@echo "make fuzz-replay       seeds of every file format and mutations of them, under the sanitizers"
	@echo "make fuzz              every reader of files under libFuzzer (clang), SECONDS=600 each; TARGET="
	@echo "make install           program, library, manual page and shell completion into PREFIX=$(PREFIX) (DESTDIR is honoured)"
	@echo "make portable          build/portable-kit: the program with its libraries, for machines without them (CUDA=1)"
	@echo "make clean             remove $(BUILD)/"
	@echo "variables: CC, CUDA (1: with the GPU device), CFLAGS (-O3 -g), ARCH (native; x86-64-v3 to build for other machines), BUILD"

.PHONY: all always docs packages tests test asan fuzz fuzzers fuzz-replay replays bench reproduce-default bench-bandai reproduce-bandai portable install clean help
.SECONDARY:
-include $(LIB_OBJ:.o=.d) $(BENCH_OBJ:.o=.d) $(wildcard $(BUILD)/tests/*.d $(BUILD)/tests/fuzz/*.d) $(HOST_CUDA_OBJ:.o=.d)
