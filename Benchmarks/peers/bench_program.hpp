// What the programs in C++ have in common, whatever they measure: command line, clock and answer. bench_program.py and
// bench_program.rs are its twins.
//
// A program gives a table of variants to run_variants. A Variant has a `name` and
//
//     Variant::Settings                     with `variant` and std::vector<Option> options()
//     std::string list() const              the fields of its line in `--list`, behind the name
//     void check(const Settings &) const    refuses what it cannot do
//     Outcome measured(const Settings &) const
//     std::string answer(const Settings &) const    the fields of the answer, behind the name
#pragma once

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <type_traits>
#include <vector>

namespace bench {

constexpr unsigned most_seconds = 120;
constexpr uint64_t most_items = uint64_t(1) << 40;

struct Outcome {
  uint64_t nanoseconds = 0;
  bool ok = false;
  // Of each call, where calls are timed one by one.
  std::vector<uint64_t> times;
};

inline uint64_t now_nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return uint64_t(now.tv_sec) * 1000000000 + uint64_t(now.tv_nsec);
}

[[noreturn]] inline void refuse(const std::string &why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(2);
}

// `call(number)`, for the numbers from 1 on, says whether its result was right.
template <class Call>
Outcome time_calls(uint64_t items, unsigned pause_microseconds, Call call) {
  Outcome outcome;
  outcome.ok = true;
  outcome.times.reserve(items);
  for (uint64_t number = 1; number <= items; number++) {
    if (pause_microseconds > 0) usleep(pause_microseconds);
    uint64_t started = now_nanoseconds();
    bool ok = call(number);
    outcome.times.push_back(now_nanoseconds() - started);
    outcome.ok = outcome.ok && ok;
  }
  return outcome;
}

// ---- Command line ----

// Sets a value by its text.
struct Option {
  std::string name;
  std::function<void(const char *)> set;

  Option(const char *name, std::string &value) : name(name), set([&value](const char *text) { value = text; }) {}

  template <class Number>
  Option(const char *name, Number &value, uint64_t least, uint64_t most)
      : name(name), set([=, &value](const char *text) {
          char *end = nullptr;
          unsigned long long number = std::strtoull(text, &end, 10);
          if (*text == '\0' || *text == '-' || *end != '\0' || number < least || number > most) {
            refuse(std::string(name) + " must be a number from " + std::to_string(least) + " to " +
                   std::to_string(most) + ", and is '" + text + "'");
          }
          value = Number(number);
        }) {}
};

inline void parse(int argc, char **argv, const std::vector<Option> &options) {
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 == argc) refuse(std::string(argv[i]) + " needs a value");
    const Option *found = nullptr;
    std::string names = "--list";
    for (const Option &option : options) {
      names += ", " + option.name;
      if (option.name == argv[i]) found = &option;
    }
    if (found == nullptr) refuse(std::string("unknown option ") + argv[i] + "; there are " + names);
    found->set(argv[i + 1]);
  }
}

// ---- Answer ----

// Of a JSON object, behind another. Text is taken as it is: none here needs escapes.
template <class Value>
std::string json(const Value &value) {
  if constexpr (std::is_same_v<Value, bool>) return value ? "true" : "false";
  else if constexpr (std::is_integral_v<Value>) return std::to_string(value);
  else return '"' + std::string(value) + '"';
}

template <class Value>
std::string json(const std::vector<Value> &values) {
  std::string text;
  for (const Value &value : values) text += (text.empty() ? "" : ",") + json(value);
  return '[' + text + ']';
}

template <class Value>
std::string field(const char *name, const Value &value) {
  return ",\"" + std::string(name) + "\":" + json(value);
}

template <class Value>
bool contains(const std::vector<Value> &values, const Value &value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

template <class Variant>
int run_variants(int argc, char **argv, const std::vector<Variant> &variants) {
  if (argc == 2 && std::string(argv[1]) == "--list") {
    for (const Variant &v : variants) std::printf("{\"name\":\"%s\"%s}\n", v.name, v.list().c_str());
    return 0;
  }
  typename Variant::Settings settings;
  parse(argc, argv, settings.options());
  const Variant *found = settings.variant.empty() ? &variants[0] : nullptr;
  for (const Variant &v : variants) {
    if (settings.variant == v.name) found = &v;
  }
  if (found == nullptr) refuse("no variant '" + settings.variant + "'; --list tells them");
  found->check(settings);
  // Some of what is measured can come to a stop, and who started this may be gone by then.
  alarm(most_seconds);
  Outcome outcome = found->measured(settings);
  std::printf("{\"name\":\"%s\"%s,\"seconds\":%.9f,\"ok\":%s,\"times\":%s}\n", found->name,
              found->answer(settings).c_str(), double(outcome.nanoseconds) / 1e9, outcome.ok ? "true" : "false",
              json(outcome.times).c_str());
  return outcome.ok ? 0 : 1;
}

}  // namespace bench
