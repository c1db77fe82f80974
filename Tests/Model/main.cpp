/*
 * main.cpp: runs every test on the C core as it stands, then on each mutant of each site.
 *
 *     model [--schedules PERCENT] [--filter TEXT] [--mutants TEXT] [--verbose] [FOLDER...]
 *
 * PERCENT scales the number of schedules of each test. --filter runs the tests whose names contain TEXT,
 * --mutants makes the mutants whose names do; with either of them sites that are not reached are no failure.
 * The folders are those with the sources. Status 1: a test failed, a mutant survived or was nearly missed,
 * or a site was not reached.
 */
#include "sites.hpp"

#undef new
#undef delete

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>

namespace model {

std::vector<test> &tests() {
  static std::vector<test> all;
  return all;
}

struct options {
  uint64_t schedules = 100;
  std::string filter, mutants;
  std::vector<std::string> folders;
  bool verbose = false;
  bool is_partial() const { return !filter.empty() || !mutants.empty(); }
};

/* The share of a test's schedules, in per cent, that a mutant is tried with, first of all tests and then of
 * all tests again. One that is only caught in the last round is one that a small change would let through. */
static const uint64_t SHARES[] = {2, 20, 100};
static const uint64_t ENOUGH_SHARE = 20;

/* What a process of its own has found out; shared with it. */
struct finding {
  size_t test;
  uint64_t share, schedules, budget;
};

/* Runs the jobs in processes of their own, one on each core, and hands each one's finding and status on. */
static void in_processes(size_t count, std::function<int(size_t, finding *)> job,
                         std::function<void(size_t, const finding &, int)> done) {
  if (count == 0) return;
  size_t bytes = count * sizeof(finding);
  void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) abort();
  finding *findings = (finding *)memory;
  long cores = std::max(1l, sysconf(_SC_NPROCESSORS_ONLN));
  std::map<pid_t, size_t> running;
  auto wait_for_one = [&] {
    int status;
    pid_t pid = wait(&status);
    if (pid < 0) abort();
    done(running[pid], findings[running[pid]], status);
    running.erase(pid);
  };
  for (size_t i = 0; i < count; i++) {
    while ((long)running.size() >= cores) wait_for_one();
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0) abort();
    if (pid == 0) {
      alarm(300); /* relacy finds threads that spin, but not a loop without an atomic operation in it */
      int status = job(i, &findings[i]);
      fflush(stdout);
      _exit(status);
    }
    running[pid] = i;
  }
  while (!running.empty()) wait_for_one();
  munmap(memory, bytes);
}

static outcome run(size_t index, uint64_t per_cent, bool explain) {
  const test &t = tests()[index];
  site::present_test = index;
  if (t.is_exhaustive) per_cent = 100;
  return t.run(std::max<uint64_t>(1, t.schedules * per_cent / 100), explain);
}

/* The last steps of a report: what all threads did, without the same again for each. */
static std::string end_of(const std::string &report) {
  std::string all = report.substr(0, report.find("\nthread 0:"));
  size_t first_line = all.find('\n') + 1, most = 6000;
  if (all.size() < most) return all;
  return all.substr(0, first_line) + "..." + all.substr(all.find('\n', all.size() - most));
}

/* How many tests failed. */
static int run_tests(const options &o) {
  std::vector<size_t> chosen;
  for (size_t i = 0; i < tests().size(); i++)
    if (strstr(tests()[i].name, o.filter.c_str()) != nullptr) chosen.push_back(i);
  int failed = 0;
  in_processes(
      chosen.size(),
      [&](size_t i, finding *f) {
        outcome result = run(chosen[i], o.schedules, true);
        f->schedules = result.schedules;
        if (!result.is_right)
          printf("%s\n", (o.verbose ? result.report : end_of(result.report)).c_str());
        return result.is_right ? 0 : 1;
      },
      [&](size_t i, const finding &f, int status) {
        printf("%-40s %8llu schedules  %s\n", tests()[chosen[i]].name, (unsigned long long)f.schedules,
               status == 0 ? "ok" : "FAILED");
        failed += status != 0;
      });
  return failed;
}

/* 0 if a test caught the mutant. */
static int try_mutant(const mutation &m, const options &o, finding *f) {
  mutant = m;
  for (uint64_t share : SHARES) {
    for (size_t i = 0; i < tests().size(); i++) {
      if (!m.at->reached_by[i] || tests()[i].is_exhaustive) continue;
      *f = {i, share, 0, tests()[i].schedules * o.schedules / 100};
      outcome result = run(i, share * o.schedules / 100, false);
      f->schedules = result.schedules;
      if (!result.is_right) return 0;
    }
  }
  return 1;
}

struct counts {
  int sites = 0, made = 0, caught = 0, nearly_missed = 0;
  void add(const counts &other) {
    sites += other.sites;
    made += other.made;
    caught += other.caught;
    nearly_missed += other.nearly_missed;
  }
};

static void print_row(const char *name, const counts &c) {
  printf("%-28s %6d %8d %8d %14d\n", name, c.sites, c.made, c.caught, c.nearly_missed);
}

/* Whether each was caught, and not by luck. */
static bool run_mutants(const options &o) {
  std::vector<mutation> all;
  std::map<std::string, counts> table;
  for (const site *s : all_sites()) {
    table[s->file].sites++;
    for (const mutation &m : mutations_of(s))
      if (name_of(m).find(o.mutants) != std::string::npos) all.push_back(m);
  }
  in_processes(
      all.size(), [&](size_t i, finding *f) { return try_mutant(all[i], o, f); },
      [&](size_t i, const finding &f, int status) {
        /* A mutant that crashes the test, or has it run out of its stack, is caught as well. */
        bool caught = !(WIFEXITED(status) && WEXITSTATUS(status) == 1);
        bool nearly_missed = caught && f.share > ENOUGH_SHARE;
        counts &c = table[all[i].at->file];
        c.made++;
        c.caught += caught;
        c.nearly_missed += nearly_missed;
        if (caught && !nearly_missed && !o.verbose) return;
        printf("%s: %s", !caught ? "SURVIVED" : nearly_missed ? "NEARLY MISSED" : "caught", name_of(all[i]).c_str());
        if (caught)
          printf(", by %s in schedule %llu of %llu", tests()[f.test].name, (unsigned long long)f.schedules,
                 (unsigned long long)f.budget);
        printf("\n");
      });

  counts sum;
  printf("\n%-28s %6s %8s %8s %14s\n", "file", "sites", "mutants", "caught", "nearly missed");
  for (const auto &row : table) {
    print_row(row.first.c_str(), row.second);
    sum.add(row.second);
  }
  print_row("all", sum);
  printf("mutants made: %d, caught: %d\n", sum.made, sum.caught);
  return sum.caught == sum.made && sum.nearly_missed == 0;
}

static int run_all(const options &o) {
  if (run_tests(o) > 0) return 1;
  bool ok = run_mutants(o);
  if (o.is_partial()) return !ok;
  for (const std::string &s : unreached_sites(o.folders)) {
    printf("NOT REACHED: %s\n", s.c_str());
    ok = false;
  }
  return !ok;
}

}  // namespace model

int main(int argc, char **argv) {
  model::options o;
  for (int i = 1; i < argc; i++) {
    std::string argument = argv[i];
    bool more = i + 1 < argc;
    if (argument == "--schedules" && more) o.schedules = strtoull(argv[++i], nullptr, 10);
    else if (argument == "--filter" && more) o.filter = argv[++i];
    else if (argument == "--mutants" && more) o.mutants = argv[++i];
    else if (argument == "--verbose") o.verbose = true;
    else if (argument[0] != '-') o.folders.push_back(argument);
    else {
      fprintf(stderr, "usage: model [--schedules PERCENT] [--filter TEXT] [--mutants TEXT] [--verbose] [FOLDER...]\n");
      return 2;
    }
  }
  if (model::tests().size() > model::MOST_TESTS) {
    fprintf(stderr, "model: more than %d tests\n", model::MOST_TESTS);
    return 2;
  }
  model::share_sites();
  return model::run_all(o);
}
