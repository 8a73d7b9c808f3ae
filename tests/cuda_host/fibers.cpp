/* The threads of a block, each a fiber with a stack of its own.
 *
 * A fiber runs until it reaches a barrier or a shuffle that others of its warp have not
 * reached yet, or ends. A block in which nobody can go on is a mistake of the kernel, and
 * the program stops with its name. */
#include "cuda_host.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <numeric>
#include <random>
#include <sys/mman.h>
#include <vector>
#ifndef __x86_64__
#include <ucontext.h>
#endif

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace {

constexpr size_t STACK = 256 * 1024, LIMIT_SHARED = 48 * 1024, TAIL = 64;
constexpr unsigned char TAIL_MARK = 0x5a;

enum class at { ready, barrier, shuffle, end };

struct fiber {
#ifdef __x86_64__
    void *place = nullptr;
#else
    ucontext_t place;
#endif
    char *stack = nullptr;
    bool started = false;
    at where = at::ready;
    unsigned shuffles = 0;
    uint3 index;
};
struct warp {
    unsigned number[2] = {~0u, ~0u}, arrived[2] = {0, 0}, mask[2] = {0, 0};
    char value[2][32][16];
};
struct memory {
    char *bytes;
    size_t count;
};

const char *kernel;
const std::function<void()> *body;
std::vector<fiber> fibers;
std::vector<warp> warps;
std::vector<char *> spare_stacks;
std::map<int, memory> shared_arrays;
memory dynamic_shared;
size_t shared_taken;
int current, order;
std::mt19937 shuffler(1);
#ifdef __x86_64__
void *scheduler;
#else
ucontext_t scheduler;
#endif

[[noreturn]] void die(const char *what)
{
    fprintf(stderr, "cuda host: %s: %s (block %u,%u,%u, thread %u,%u,%u)\n", kernel, what, blockIdx.x, blockIdx.y, blockIdx.z,
            threadIdx.x, threadIdx.y, threadIdx.z);
    abort();
}

#ifdef __x86_64__
extern "C" void mlcm_fiber_switch(void **save, void *to);
asm(R"(
.text
.globl mlcm_fiber_switch
.type mlcm_fiber_switch, @function
mlcm_fiber_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");
#endif

void leave()
{
    fiber &f = fibers[(size_t)current];
#ifdef __x86_64__
    mlcm_fiber_switch(&f.place, scheduler);
#else
    swapcontext(&f.place, &scheduler);
#endif
}

void fiber_main()
{
    (*body)();
    fibers[(size_t)current].where = at::end;
    leave();
    die("an ended thread goes on");
}

void enter(int number)
{
    fiber &f = fibers[(size_t)number];
    current = number;
    threadIdx = f.index;
    if (!f.started) {
        f.started = true;
        if (spare_stacks.empty()) {
            void *stack = mmap(nullptr, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (stack == MAP_FAILED) die("no memory for a stack");
            mprotect(stack, 4096, PROT_NONE);
            spare_stacks.push_back((char *)stack);
        }
        f.stack = spare_stacks.back();
        spare_stacks.pop_back();
#ifdef __x86_64__
        void **top = (void **)(f.stack + STACK - 32);      /* a multiple of 16 */
        *top = (void *)fiber_main;
        for (int i = 1; i <= 6; i++) top[-i] = nullptr;
        f.place = top - 6;
#else
        getcontext(&f.place);
        f.place.uc_stack.ss_sp = f.stack;
        f.place.uc_stack.ss_size = STACK;
        f.place.uc_link = nullptr;
        makecontext(&f.place, fiber_main, 0);
#endif
    }
    f.where = at::ready;
#ifdef __x86_64__
    mlcm_fiber_switch(&scheduler, f.place);
#else
    swapcontext(&scheduler, &f.place);
#endif
    if (f.where == at::end) {
        spare_stacks.push_back(f.stack);
        f.stack = nullptr;
    }
}

memory fresh(size_t bytes)
{
    memory m{(char *)malloc(bytes + TAIL), bytes};
    if (!m.bytes) die("no memory for shared arrays");
    memset(m.bytes, 0xff, bytes);                          /* NaN until somebody writes */
    memset(m.bytes + bytes, TAIL_MARK, TAIL);
    return m;
}

void drop(memory &m)
{
    for (size_t i = 0; i < TAIL; i++)
        if ((unsigned char)m.bytes[m.count + i] != TAIL_MARK) die("something was written beyond a shared array");
    free(m.bytes);
}

std::vector<int> sequence(int n)
{
    std::vector<int> s((size_t)n);
    std::iota(s.begin(), s.end(), 0);
    if (order == CUDA_HOST_BACKWARD) std::reverse(s.begin(), s.end());
    if (order == CUDA_HOST_SHUFFLED) std::shuffle(s.begin(), s.end(), shuffler);
    return s;
}

bool may_go(const fiber &f, int number)
{
    if (f.where == at::ready) return true;
    if (f.where != at::shuffle) return false;
    const warp &w = warps[(size_t)number / 32];
    unsigned slot = (f.shuffles - 1) & 1;
    return w.arrived[slot] == w.mask[slot];
}

void block(dim3 threads, size_t dynamic)
{
    int count = (int)(threads.x * threads.y * threads.z);
    fibers.assign((size_t)count, fiber());
    warps.assign((size_t)(count + 31) / 32, warp());
    for (int i = 0; i < count; i++) {
        unsigned t = (unsigned)i;
        fibers[(size_t)i].index = {t % threads.x, t / threads.x % threads.y, t / threads.x / threads.y};
    }
    dynamic_shared = fresh(dynamic);
    shared_taken = dynamic;
    for (int ended = 0; ended < count;) {
        int moved = 0, waiting = 0;
        std::vector<int> turn = sequence(count);
        for (int begin = 0, end; begin < count; begin = end) {       /* all threads, or a warp as far as it comes */
            end = order == CUDA_HOST_WARPS && begin + 32 < count ? begin + 32 : count;
            for (int before = -1; before != moved;) {
                before = moved;
                for (int k = begin; k < end; k++) {
                    fiber &f = fibers[(size_t)turn[(size_t)k]];
                    if (!may_go(f, turn[(size_t)k])) continue;
                    enter(turn[(size_t)k]);
                    moved++;
                    if (f.where == at::end) ended++;
                }
                if (order != CUDA_HOST_WARPS) break;
            }
        }
        for (const fiber &f : fibers) waiting += f.where == at::barrier;
        if (ended < count && waiting == count - ended) {
            for (fiber &f : fibers)
                if (f.where == at::barrier) f.where = at::ready;
            moved++;
        }
        if (!moved) die("threads wait for others at a barrier or shuffle that these never reach");
    }
    for (auto &a : shared_arrays) drop(a.second);
    shared_arrays.clear();
    drop(dynamic_shared);
}

}  // namespace

extern "C" void cuda_host_order(int o) { order = o; }

int cuda_host_lane(void) { return current % 32; }

void cuda_host_barrier(void)
{
    fibers[(size_t)current].where = at::barrier;
    leave();
}

void *cuda_host_shared(size_t bytes, int site)
{
    auto found = shared_arrays.find(site);
    if (found == shared_arrays.end()) {
        shared_taken += bytes;
        if (shared_taken > LIMIT_SHARED) die("more than 48 KB of shared memory");
        found = shared_arrays.emplace(site, fresh(bytes)).first;
    }
    return found->second.bytes;
}

void *cuda_host_dynamic_shared(void) { return dynamic_shared.bytes; }

void cuda_host_exchange(unsigned mask, const void *value, void *out, size_t bytes, int from)
{
    int me = current, lane = me % 32;
    fiber &f = fibers[(size_t)me];
    warp &w = warps[(size_t)me / 32];
    unsigned slot = f.shuffles & 1;
    if (bytes > sizeof w.value[0][0]) die("a shuffle of more than 16 bytes");
    if (!(mask >> lane & 1u)) die("a shuffle whose mask lacks the calling lane");
    if (!(mask >> from & 1u)) die("a shuffle from a lane that its mask lacks");
    if ((size_t)(me / 32 + 1) * 32 > fibers.size() && mask == 0xffffffffu) die("a shuffle in a warp that is not whole");
    if (w.number[slot] != f.shuffles) {
        w.number[slot] = f.shuffles;
        w.arrived[slot] = 0;
        w.mask[slot] = mask;
    }
    if (w.mask[slot] != mask) die("lanes of one shuffle give different masks");
    memcpy(w.value[slot][lane], value, bytes);
    w.arrived[slot] |= 1u << lane;
    f.shuffles++;
    if (w.arrived[slot] != mask) {
        f.where = at::shuffle;
        leave();
    }
    memcpy(out, w.value[slot][from], bytes);
}

void cuda_host_blocks(const char *name, dim3 grid, dim3 threads, size_t shared, const std::function<void()> &thread)
{
    kernel = name;
    body = &thread;
    gridDim = grid;
    blockDim = threads;
    for (int i : sequence((int)(grid.x * grid.y * grid.z))) {
        unsigned b = (unsigned)i;
        blockIdx = {b % grid.x, b / grid.x % grid.y, b / grid.x / grid.y};
        block(threads, shared);
    }
}
