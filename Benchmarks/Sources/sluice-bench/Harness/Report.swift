import Foundation

/// What one call of the program measured; the JSON file is this.
struct Report: Encodable, Sendable {
  let machine: Machine
  let isQuick: Bool
  var queues: QueueReport?
  var pipelines: PipelineReport?
  var latency: [LatencyResult]?
  var processes: ProcessReport?

  init(isQuick: Bool) {
    machine = Machine()
    self.isQuick = isQuick
  }

  func showHeading() throws {
    #if DEBUG
      FileHandle.standardError.write(
        Data("Warning: this is a debug build, which says nothing about speed; build with -c release.\n".utf8))
    #endif
    try Self.show(machine.description)
  }

  /// Prints on standard output, at once.
  ///
  /// - Throws: if it cannot be written: a table that nobody gets is no success.
  static func show(_ text: String) throws {
    print(text)
    guard fflush(nil) == 0 else {
      throw ReportNotWritten(path: "standard output", reason: String(cString: strerror(errno)))
    }
  }

  /// Writes the report as JSON, if a file was asked for.
  func write(to path: String?) throws {
    guard let path else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    do {
      let text = String(decoding: try encoder.encode(self), as: UTF8.self)
      // Numbers in a line, not each in one of its own.
      let compact = text.replacing(/\[[^\[\]{}"]*\]/) {
        $0.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      }
      try Data("\(compact)\n".utf8).write(to: URL(fileURLWithPath: path))
    } catch {
      throw ReportNotWritten(path: path, reason: error.localizedDescription)
    }
  }
}

struct ReportNotWritten: Error, CustomStringConvertible {
  let path: String
  let reason: String

  var description: String { "the results cannot be written to \(path): \(reason)" }
}
