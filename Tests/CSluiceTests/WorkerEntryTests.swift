import Foundation
import Testing

/// Which processes become workers (sl_worker_entry.c): programs of their own (Tests/Probes) start themselves in the
/// right way and in wrong ones, and say what they are.
@Suite(.serialized) struct WorkerEntryTests {
  /// Built beside the program that runs the tests.
  private static func built(_ name: String) throws -> URL {
    let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return URL(fileURLWithPath: tests).deletingLastPathComponent().appendingPathComponent(name)
  }

  /// By popen(3): Foundation's `Process` leaks, which leak checkers report.
  private static func run(_ program: URL, _ arguments: [String]) throws -> (output: String, status: Int32) {
    let words = ([program.path] + arguments).map { "'\($0)'" }
    guard let pipe = popen("exec " + words.joined(separator: " "), "r") else {
      throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
    }
    var bytes: [UInt8] = []
    while case let byte = fgetc(pipe), byte != EOF { bytes.append(UInt8(byte)) }
    let status = pclose(pipe)
    let output = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    return (output, status & 0x7f == 0 ? status >> 8 : 128 + status & 0x7f)
  }

  /// Two copies of the program, in a folder that any user can look into, for as long as `body` runs.
  private static func withCopies<R>(of name: String = "worker-probe", _ body: (URL, URL) throws -> R) throws
    -> R
  {
    let files = FileManager.default
    let open: [FileAttributeKey: Any] = [.posixPermissions: 0o755]
    let folder = files.temporaryDirectory.appendingPathComponent("sluice-probe-\(UUID().uuidString)")
    try files.createDirectory(at: folder, withIntermediateDirectories: false, attributes: open)
    defer { try? files.removeItem(at: folder) }
    let copies = ["one", "other"].map { folder.appendingPathComponent($0) }
    for copy in copies {
      try files.copyItem(at: try built(name), to: copy)
      try files.setAttributes(open, ofItemAtPath: copy.path)
    }
    return try body(copies[0], copies[1])
  }

  private static func tempt(_ way: String) throws -> (output: String, status: Int32) {
    try withCopies { try run($0, ["tempt", way, $1.path]) }
  }

  private static let isRoot = geteuid() == 0

  /// Whether programs of another user start here, and with this user's rights if they are setuid: where file systems
  /// are mounted nosuid, or processes gain no rights, or strangers cannot read the libraries, nothing can be shown.
  private static let setuidWorks: Bool = {
    guard isRoot else { return false }
    let ids = try? withCopies { program, _ in
      guard chown(program.path, 65_534, 65_534) == 0, chmod(program.path, 0o4755) == 0 else { return "" }
      let privileges = ["--reuid", "54321", "--regid", "54321", "--clear-groups"]
      return try run(URL(fileURLWithPath: "/usr/bin/setpriv"), privileges + [program.path, "ids"]).output
    }
    return ids == "54321 65534 54321 54321"
  }()

  @Test func spawnedByItselfAProgramIsAWorker() throws {
    let (output, status) = try Self.run(Self.built("worker-probe"), ["spawn"])
    #expect(output == "worker")
    #expect(status == 0)
  }

  @Test func aProgramThatUsesTheCoreAloneIsNone() throws {
    for arguments in [["spawn"], ["tempt", "nothing"]] {
      let (output, status) = try Self.run(Self.built("core-probe"), arguments)
      #expect(output == "main", "\(arguments)")
      #expect(status == 0)
    }
  }

  /// The start by hand that the following tests vary.
  @Test func startedByHandAsTheLibraryDoesItIsAWorker() throws {
    #expect(try Self.tempt("nothing") == ("worker", 0))
  }

  @Test(arguments: ["other-number", "no-number", "stream", "no-socket", "closed", "another-file"])
  func startedOtherwiseItRunsItsMain(way: String) throws {
    #expect(try Self.tempt(way) == ("main", 0))
  }

  /// It cannot tell this from the death of its parent, and does nobody's work.
  @Test func whoseParentDidNotMakeTheSocketEnds() throws {
    #expect(try Self.tempt("grandparents") == ("", 0))
  }

  @Test(.enabled(if: setuidWorks, "needs root, setpriv, and a file system and a process that allow setuid"))
  func ofAnotherUserItIsAWorker() throws {
    #expect(try Self.tempt("strangers") == ("worker", 0))
  }

  @Test(
    .enabled(if: setuidWorks, "needs root, setpriv, and a file system and a process that allow setuid"),
    arguments: ["setuid-root", "setuid-nobody", "setgid", "another-users"])
  func withRightsThatItsStarterLacksItRunsItsMain(way: String) throws {
    #expect(try Self.tempt(way) == ("main", 0))
  }
}
