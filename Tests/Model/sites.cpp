/* sites.cpp: the table of sites, and the scan of the sources for those that no test reaches. */
#include "sites.hpp"

#undef new
#undef delete

#include <dirent.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <set>

namespace model {

/* Fixed, and without pointers of its own: what is allocated while a test runs belongs to relacy. */
struct site_table {
  bool is_locked;
  int count;
  site sites[MOST_SITES];
};
static site_table *table;

size_t site::present_test = 0;
mutation mutant;

void share_sites() {
  void *memory = mmap(nullptr, sizeof *table, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) abort();
  table = (site_table *)memory; /* all zero */
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
  /* A system call, since sched_yield is relacy's and would change to another thread of the test. */
  while (__atomic_exchange_n(&table->is_locked, true, __ATOMIC_ACQUIRE)) syscall(SYS_sched_yield);
  int i = 0;
  for (; i < table->count; i++) {
    site &s = table->sites[i];
    if (s.line == line && s.order == order && !strcmp(s.file, file) && !strcmp(s.operation, operation)) break;
  }
  if (i == table->count) {
    if (table->count++ == MOST_SITES) abort();
    site &s = table->sites[i];
    s.file = file;
    s.line = line;
    s.operation = operation;
    s.order = order;
    s.is_fence = is_fence;
  }
  __atomic_store_n(&table->is_locked, false, __ATOMIC_RELEASE);
  return table->sites[i];
}

std::vector<site *> all_sites() {
  std::vector<site *> all;
  for (int i = 0; i < table->count; i++)
    if (strncmp(table->sites[i].file, "sl_", 3) == 0 || strcmp(table->sites[i].operation, "membarrier") == 0)
      all.push_back(&table->sites[i]);
  std::sort(all.begin(), all.end(), [](const site *a, const site *b) {
    int files = strcmp(a->file, b->file);
    return files != 0 ? files < 0 : a->line != b->line ? a->line < b->line : name_of(a) < name_of(b);
  });
  return all;
}

std::vector<mutation> mutations_of(const site *s) {
  std::vector<mutation> all;
  auto add = [&](rl::memory_order order) {
    mutation m;
    m.at = s;
    m.order = order;
    m.removed = s->is_fence;
    all.push_back(m);
  };
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

std::string name_of(const site *s) {
  return std::string(s->file) + ":" + std::to_string(s->line) + " " + s->operation + " " +
         order_name(s->order);
}

std::string name_of(const mutation &m) {
  return name_of(m.at) + " -> " + (m.removed ? "removed" : order_name(m.order));
}

void fence(const site &s, rl::debug_info_param info) {
  if (is_left_out(s)) return;
  rl::atomic_thread_fence(rl::mo_seq_cst, info);
}

/* ---- What the sources have ----------------------------------------------------------------- */

static bool is_reached(const std::string &file, int first, int last, const std::string &what) {
  for (int i = 0; i < table->count; i++) {
    const site &s = table->sites[i];
    if (file != s.file || s.line < first || s.line > last) continue;
    if (what == std::string(s.operation) + " " + order_name(s.order)) return true;
  }
  return false;
}

static void scan(const std::string &path, std::vector<std::string> *found) {
  static const std::regex uses(
      "\\bsl_(?:(load|store|cas|exchange|fetch_[a-z]+)_(relaxed|acquire|release|acq_rel|seq_cst)_u(?:32|64)|"
      "(fence)_(seq_cst)|(process_barrier))\\(");
  std::string file = file_name(path.c_str());
  if (file == "sl_atomic.h" || file == "sl_os.h" || file == "sl_os.c") return; /* they define these */
  std::ifstream input(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(input, line);) lines.push_back(line);
  for (size_t i = 0; i < lines.size(); i++) {
    /* Where a call takes several lines, compilers give all of it the last one. */
    size_t last = i;
    while (last + 1 < lines.size() && lines[last].find_first_of(";{}") == std::string::npos) last++;
    for (std::sregex_iterator use(lines[i].begin(), lines[i].end(), uses), end; use != end; ++use) {
      const std::smatch &m = *use;
      std::string what = m[3].matched ? "fence seq_cst" : "membarrier seq_cst";
      if (m[1].matched) what = m[1].str() + " " + m[2].str();
      if (!is_reached(file, (int)i + 1, (int)last + 1, what))
        found->push_back(file + ":" + std::to_string(i + 1) + " " + what);
    }
  }
}

std::vector<std::string> unreached_sites(const std::vector<std::string> &folders) {
  std::vector<std::string> found;
  std::set<std::string> paths;
  for (const std::string &folder : folders) {
    DIR *directory = opendir(folder.c_str());
    if (directory == nullptr) {
      fprintf(stderr, "%s: cannot be read\n", folder.c_str());
      exit(2);
    }
    while (dirent *entry = readdir(directory)) {
      std::string name = entry->d_name;
      if (name.size() > 2 && (name.substr(name.size() - 2) == ".h" || name.substr(name.size() - 2) == ".c"))
        paths.insert(folder + "/" + name);
    }
    closedir(directory);
  }
  for (const std::string &path : paths) scan(path, &found);
  return found;
}

}  // namespace model
