import ArgumentParser
import Glibc
import Sluice
import WordCountCore

@main
enum Program {
  static func main() async {
    Allocator.shareHeaps()
    await Wordcount.main()
  }
}

/// The command: arguments, exit statuses, and what is printed where.
struct Wordcount: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wordcount",
    abstract: "Count the words of all files in a folder, and show what each stage of the pipeline did.",
    discussion: """
      A word is a run of ASCII letters, in either case. Hidden files count; symbolic links are not \
      followed, except INPUT itself. The most frequent words are printed, and a table of the stages: \
      items in and out, the share of their time that its workers were busy, the longest queue behind it, \
      and the items that went in or came out (whichever are more) a second.

      Files and folders that cannot be read are named on standard error and passed over. Memory stays \
      below 100 MB: what does not fit goes to temporary files in TMPDIR, or else /var/tmp. A word of more \
      than 4096 letters is shown by its first 64 letters and its length.

      With --processes, worker processes read and count, each a range of a file (of 1 MiB) at a time. A range \
      that kills its process is named on standard error and passed over, as a file that cannot be read; what \
      was counted of it stays. Each process takes about 15 MB more.

      Ctrl-C ends the count and prints what it had; a second one ends it at once.

      Exit status: 0, 1 on an error such as a full disk, 2 if INPUT cannot be opened, 64 on wrong \
      arguments, 130 if interrupted.
      """
  )

  @Argument(help: "The folder whose files are read, or one file.")
  var input = "/usr/include"

  @Option(help: "The number of words to print (1 to 10000).")
  var top = 20

  @Option(help: "The number of workers that count words (1 to 64; default: one a processor core).")
  var workers: Int?

  @Option(help: "Count in so many worker processes (1 to 64) instead of in workers of this one.")
  var processes: Int?

  @Option(help: "Whether to show a progress line on standard error; auto: if it is a terminal.")
  var progress = ProgressChoice.auto

  func validate() throws {
    guard (1...10_000).contains(top) else {
      throw ValidationError("--top takes a number from 1 to 10000, not \(top).")
    }
    if let workers, !(1...64).contains(workers) {
      throw ValidationError("--workers takes a number from 1 to 64, not \(workers).")
    }
    if let processes, !(1...64).contains(processes) {
      throw ValidationError("--processes takes a number from 1 to 64, not \(processes).")
    }
    if workers != nil, processes != nil {
      throw ValidationError("--workers and --processes exclude each other: either counts.")
    }
  }

  func run() async throws {
    let root = BytePath(input)
    if let problem = Self.problem(with: root) {
      StandardError.write("wordcount: \(problem)\n")
      throw ExitCode(2)
    }
    let counters =
      processes.map { WordCount.Counters.processes($0) } ?? .threads(workers ?? Self.defaultWorkers)
    let counter = Counter(top: top, counters: counters, showsProgress: progress.isShown)
    throw ExitCode(await counter.count(root))
  }

  /// Why the input cannot be counted at all; nil if it can.
  private static func problem(with root: BytePath) -> String? {
    var status = stat()
    guard root.withCString({ stat($0, &status) }) == 0 else {
      if errno == ENOENT || errno == ENOTDIR { return "no such file or folder: \(root)" }
      return "cannot open \(root): \(String(cString: strerror(errno)))"
    }
    let kind = status.st_mode & S_IFMT
    guard kind == S_IFREG || kind == S_IFDIR else { return "not a file or folder: \(root)" }
    let descriptor = root.withCString { open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
    guard descriptor >= 0 else { return "cannot open \(root): \(String(cString: strerror(errno)))" }
    close(descriptor)
    return nil
  }

  private static var defaultWorkers: Int {
    min(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))), 32)
  }
}

enum ProgressChoice: String, ExpressibleByArgument, CaseIterable {
  case auto, always, never

  var isShown: Bool {
    switch self {
    case .auto: isatty(STDERR_FILENO) == 1
    case .always: true
    case .never: false
    }
  }
}
