/*
 * main.cpp: runs every test on the headers as they stand, then every mutant of every site.
 *
 *     model [--schedules N] [--mutant-schedules N] [--filter TEXT] [--verbose]
 *
 * N scales the number of random schedules of a test, in per cent of its own. Status 1: a test failed, a
 * mutant survived, or a site was never reached.
 */
#include "model.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

namespace model {

site sites[MOST_SITES];
int site_count = 0;
uint64_t site::present_test = 0;
mutation mutant;

std::vector<test> &tests() {
  static std::vector<test> all;
  return all;
}

static const char *file_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static const char *order_name(rl::memory_order order) {
  switch (order) {
    case rl::mo_relaxed: return "relaxed";
    case rl::mo_acquire: return "acquire";
    case rl::mo_release: return "release";
    case rl::mo_acq_rel: return "acq_rel";
    case rl::mo_seq_cst: return "seq_cst";
    default: return "?";
  }
}

site &site_at(const char *path, int line, const char *operation, rl::memory_order order, bool is_fence) {
  const char *file = file_name(path);
  for (int i = 0; i < site_count; i++) {
    site &s = sites[i];
    if (s.line == line && s.order == order && !strcmp(s.file, file) && !strcmp(s.operation, operation)) return s;
  }
  if (site_count == MOST_SITES) abort();
  sites[site_count] = {file, line, operation, order, is_fence, 0};
  return sites[site_count++];
}

static std::string name_of(const site *s) {
  return std::string(s->file) + ":" + std::to_string(s->line) + " " + s->operation + " " +
         order_name(s->order);
}

void fence(const site &s, rl::debug_info_param info) {
  if (mutant.at == &s && mutant.removed) return;
  rl::atomic_thread_fence(rl::mo_seq_cst, info);
}

/* relacy's atomics are constructed and destroyed where a thread of a test runs; how many there are stands
 * in front of them. */
#undef new
sl_atomic_u64 *allocate_words(size_t bytes) {
  size_t count = (bytes + sizeof(sl_atomic_u64) - 1) / sizeof(sl_atomic_u64);
  size_t *memory = (size_t *)rl::rl_malloc(16 + count * sizeof(sl_atomic_u64), $);
  memory[0] = count;
  sl_atomic_u64 *words = (sl_atomic_u64 *)(memory + 2);
  for (size_t i = 0; i < count; i++) ::new (&words[i]) sl_atomic_u64();
  return words;
}
void release_words(sl_atomic_u64 *words) {
  if (words == nullptr) return;
  size_t *memory = (size_t *)words - 2;
  for (size_t i = 0; i < memory[0]; i++) words[i].~atomic_word();
  rl::rl_free(memory, $);
}

static std::vector<mutation> mutations_of(const site *s) {
  std::vector<mutation> all;
  auto add = [&](rl::memory_order order) {
    mutation m;
    m.at = s;
    m.order = order;
    all.push_back(m);
  };
  if (s->is_fence) {
    mutation m;
    m.at = s;
    m.removed = true;
    all.push_back(m);
    return all;
  }
  bool is_load = strcmp(s->operation, "load") == 0, is_store = strcmp(s->operation, "store") == 0;
  switch (s->order) {
    case rl::mo_acquire:
    case rl::mo_release: add(rl::mo_relaxed); break;
    case rl::mo_acq_rel:
      add(rl::mo_acquire);
      add(rl::mo_release);
      break;
    case rl::mo_seq_cst: add(is_load ? rl::mo_acquire : is_store ? rl::mo_release : rl::mo_acq_rel); break;
    default: break;
  }
  return all;
}

struct options {
  uint64_t schedules = 100, mutant_schedules = 100;
  const char *filter = "";
  bool verbose = false;
};

static bool run(size_t index, uint64_t per_cent, std::string *report) {
  const test &t = tests()[index];
  site::present_test = (uint64_t)1 << index;
  bool ok = t.run(std::max<uint64_t>(1, t.schedules * per_cent / 100), false, report);
  if (ok && t.is_exhaustive && mutant.at == nullptr) ok = t.run(0, true, report);
  site::present_test = 0;
  return ok;
}

/* In a process of its own: 0 if a test caught the mutant. */
static int try_mutant(const mutation &m, const options &o) {
  mutant = m;
  uint64_t reached_by = m.at->reached_by;
  for (size_t i = 0; i < tests().size(); i++) {
    std::string report;
    if ((reached_by >> i & 1) != 0 && !run(i, o.mutant_schedules, &report)) return 0;
  }
  return 1;
}

struct counts {
  int sites = 0, made = 0, caught = 0;
};

static int run_mutants(const options &o) {
  std::vector<mutation> all;
  std::map<std::string, counts> table;
  for (int i = 0; i < site_count; i++) {
    if (strncmp(sites[i].file, "sl_", 3) != 0) continue; /* the tests' own */
    table[sites[i].file].sites++;
    for (const mutation &m : mutations_of(&sites[i])) all.push_back(m);
  }

  std::map<pid_t, mutation> running;
  int survivors = 0;
  auto wait_for_one = [&] {
    int status;
    pid_t pid = wait(&status);
    mutation m = running[pid];
    running.erase(pid);
    /* A mutant that crashes the test, or has it run out of its stack, is caught as well. */
    bool caught = !(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    table[m.at->file].made++;
    table[m.at->file].caught += caught;
    if (caught && !o.verbose) return;
    survivors += !caught;
    printf("%s: %s -> %s\n", caught ? "caught" : "SURVIVED", name_of(m.at).c_str(),
           m.removed ? "removed" : order_name(m.order));
  };
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  for (const mutation &m : all) {
    while ((long)running.size() >= cores) wait_for_one();
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) _exit(try_mutant(m, o));
    running[pid] = m;
  }
  while (!running.empty()) wait_for_one();

  int made = 0, caught = 0;
  printf("\n%-28s %6s %8s %8s\n", "file", "sites", "mutants", "caught");
  for (auto &row : table) {
    printf("%-28s %6d %8d %8d\n", row.first.c_str(), row.second.sites, row.second.made, row.second.caught);
    made += row.second.made;
    caught += row.second.caught;
  }
  printf("mutants made: %d, caught: %d\n", made, caught);
  return survivors;
}

static int run_all(const options &o) {
  int failed = 0;
  for (size_t i = 0; i < tests().size(); i++) {
    const test &t = tests()[i];
    if (strstr(t.name, o.filter) == nullptr) continue;
    std::string report;
    bool ok = run(i, o.schedules, &report);
    printf("%-36s %s\n", t.name, ok ? "ok" : "FAILED");
    if (!ok) printf("%s\n", (o.verbose ? report : report.substr(0, 6000)).c_str());
    failed += !ok;
    fflush(stdout);
  }
  if (failed) return 1;
  return run_mutants(o) != 0;
}

}  // namespace model

int main(int argc, char **argv) {
  model::options o;
  for (int i = 1; i < argc; i++) {
    bool more = i + 1 < argc;
    if (!strcmp(argv[i], "--schedules") && more) o.schedules = strtoull(argv[++i], nullptr, 10);
    else if (!strcmp(argv[i], "--mutant-schedules") && more) o.mutant_schedules = strtoull(argv[++i], nullptr, 10);
    else if (!strcmp(argv[i], "--filter") && more) o.filter = argv[++i];
    else if (!strcmp(argv[i], "--verbose")) o.verbose = true;
    else {
      fprintf(stderr, "usage: model [--schedules PERCENT] [--mutant-schedules PERCENT] [--filter TEXT] [--verbose]\n");
      return 2;
    }
  }
  return model::run_all(o);
}
