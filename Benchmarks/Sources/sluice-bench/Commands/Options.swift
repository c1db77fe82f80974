import ArgumentParser
import Foundation

/// The options that every subcommand takes.
struct Options: ParsableArguments {
  @Flag(help: "Measure the main rows only, shortly: runs of 0.1 s, and fewer rounds.")
  var quick = false

  @Option(
    help: ArgumentHelp(
      "How often each row is measured; the rows take turns.",
      discussion: """
        Default: 5 runs for queues, pipelines and processes, 25 blocks of 200 calls for latency; with \
        --quick 3 and 5.
        """,
      valueName: "n"))
  var rounds: Int?

  @Option(
    help: ArgumentHelp("Measure only the rows whose name contains this, in any case.", valueName: "text"))
  var filter: String?

  @Option(
    help: ArgumentHelp("Write the results to this file too, as JSON.", valueName: "file"),
    completion: .file(extensions: ["json"]))
  var json: String?

  func validate() throws {
    if let rounds, rounds < 1 { throw ValidationError("--rounds must be 1 or more, and is \(rounds).") }
    if let json { try Self.checkIsWritable(json) }
  }

  /// Says so now, and not after minutes of measuring, when the file cannot be written.
  private static func checkIsWritable(_ path: String) throws {
    let url = URL(fileURLWithPath: path)
    let folder = url.deletingLastPathComponent().path
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
      throw ValidationError("--json \(path): there is no folder \(folder).")
    }
    let exists = FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder)
    if exists, isFolder.boolValue { throw ValidationError("--json \(path): this is a folder.") }
    guard FileManager.default.isWritableFile(atPath: exists ? url.path : folder) else {
      throw ValidationError("--json \(path): this file cannot be written.")
    }
  }

  /// Whether to measure this row. A filter finds all rows, with `--quick` too.
  private func selects(_ row: some BenchmarkRow) -> Bool {
    guard let filter, !filter.isEmpty else { return !quick || row.isMain }
    return row.name.range(of: filter, options: .caseInsensitive) != nil
  }

  /// Those of `rows` that were asked for, be it none.
  func filtered<Row: BenchmarkRow>(_ rows: [Row]) -> [Row] { rows.filter { selects($0) } }

  /// Those of `rows` that were asked for.
  ///
  /// - Throws: if that is none of them.
  func selected<Row: BenchmarkRow>(of rows: [Row]) throws -> [Row] {
    let selected = filtered(rows)
    guard !selected.isEmpty else {
      let names = rows.map { "  \($0.name)" }.joined(separator: "\n")
      throw ValidationError("No row's name contains \"\(filter ?? "")\". The rows are:\n\(names)")
    }
    return selected
  }
}

/// Where other programs are.
struct PeerPlaces: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Where the peers are built. Default: Benchmarks/.build/peers.", valueName: "folder"))
  var peers: String?
}
