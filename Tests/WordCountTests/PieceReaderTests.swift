import Foundation
import Testing

@testable import WordCountCore

@Suite struct PieceReaderTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func pieces(_ path: String, isRoot: Bool = false, log: ReadLog, pieceSize: Int = 4) -> PieceReader {
    PieceReader(
      FoundFile(path: BytePath(path), isRoot: isRoot), pieceSize: pieceSize, longWordLimit: LongWord.limit,
      log: log)
  }

  @Test func readsAFileToItsEnd() throws {
    let failures = Failures()
    let log = failures.log()
    let path = try folder.write("f", "one two")
    let bytes = pieces(path, log: log).flatMap(\.bytes)
    #expect(String(decoding: bytes, as: UTF8.self) == "one two")
    #expect(log.bytesRead == 7)
    #expect(failures.all.isEmpty)
  }

  @Test func emptyFileHasNoPieces() throws {
    let failures = Failures()
    let path = try folder.write("f", "")
    #expect(Array(pieces(path, log: failures.log())).isEmpty)
    #expect(failures.all.isEmpty)
  }

  @Test func vanishedFileIsReported() throws {
    let failures = Failures()
    let log = failures.log()
    let path = try folder.write("gone", "text")
    let found = FolderWalk(BytePath(folder.path), log: log).makeIterator()
    let file = try #require(found.next())
    try FileManager.default.removeItem(atPath: path)
    #expect(Array(PieceReader(file, log: log)).isEmpty)
    #expect(log.unreadable == 1)
    #expect(failures.all.map(\.description) == ["cannot read \(path): No such file or directory"])
  }

  @Test func fileThatShrinksIsReportedAndWhatWasReadCounts() throws {
    let failures = Failures()
    let path = try folder.write("f", "one two three four")
    let iterator = pieces(path, log: failures.log()).makeIterator()
    let first = try #require(iterator.next())
    #expect(String(decoding: first.bytes, as: UTF8.self) == "one ")
    truncate(path, 2)
    #expect(iterator.next() == nil)
    #expect(failures.all.map(\.reason) == ["Became shorter while it was read"])
  }

  @Test func fileThatGrowsIsReadToItsEnd() throws {
    let failures = Failures()
    let path = try folder.write("f", "one ")
    let iterator = pieces(path, log: failures.log()).makeIterator()
    _ = iterator.next()
    let handle = try #require(FileHandle(forWritingAtPath: path))
    try handle.seekToEnd()
    try handle.write(contentsOf: Data("two".utf8))
    #expect(iterator.next()?.bytes == [])
    #expect(iterator.next()?.bytes == Array("two".utf8))
    #expect(iterator.next() == nil)
    #expect(failures.all.isEmpty)
  }

  /// Reading one's own memory at address 0 fails for every user.
  @Test func readErrorIsReported() {
    let failures = Failures()
    #expect(Array(pieces("/proc/self/mem", isRoot: true, log: failures.log())).isEmpty)
    #expect(failures.all.map(\.description) == ["cannot read /proc/self/mem: Input/output error"])
  }

  @Test func linksAreFollowedForTheRootOnly() throws {
    let failures = Failures()
    let log = failures.log()
    let target = try folder.write("f", "text")
    let link = folder.path + "/link"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: target)
    #expect(Array(pieces(link, isRoot: false, log: log)).isEmpty)
    #expect(failures.all.count == 1)
    #expect(pieces(link, isRoot: true, log: log).flatMap(\.bytes) == Array("text".utf8))
    #expect(failures.all.count == 1)
  }

  /// A name that meant a file when the folder was listed can mean a pipe by now: opening must not wait.
  @Test func pipeInPlaceOfAFileIsReported() throws {
    let failures = Failures()
    let path = folder.path + "/pipe"
    #expect(mkfifo(path, 0o600) == 0)
    #expect(Array(pieces(path, log: failures.log())).isEmpty)
    #expect(failures.all.map(\.reason) == ["No longer a regular file"])
  }

  @Test func closesItsFiles() throws {
    let log = ReadLog { _ in }
    let path = try folder.write("f", "one two three")
    do {
      let iterator = pieces(path, log: log).makeIterator()
      _ = iterator.next()
      #expect(try openDescriptors(of: path) == 1)
      _ = consume iterator
    }
    #expect(try openDescriptors(of: path) == 0)
    let whole = pieces(path, log: log).makeIterator()
    while whole.next() != nil {}
    #expect(try openDescriptors(of: path) == 0)
    _ = whole
  }
}
