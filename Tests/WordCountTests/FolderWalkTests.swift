import Foundation
import Testing

@testable import WordCountCore

@Suite struct FolderWalkTests {
  let folder: TemporaryFolder
  let failures = Failures()

  init() throws { folder = try TemporaryFolder() }

  /// The paths that the walk finds, below the folder, sorted.
  private func walk(_ root: String? = nil, pendingNamesLimit: Int = FolderWalk.pendingNamesLimit) -> [String]
  {
    let walk = FolderWalk(
      BytePath(root ?? folder.path), log: failures.log(), pendingNamesLimit: pendingNamesLimit)
    return walk.map { $0.path.description }.sorted()
  }

  private func find(_ root: String) throws -> [String] {
    let found = try Subprocess.run("/usr/bin/find", ["-H", root, "-type", "f"])
    return found.output.split(separator: "\n").map(String.init).sorted()
  }

  @Test func emptyFolder() {
    #expect(walk() == [])
  }

  @Test func findsRegularFilesAtAnyDepth() throws {
    for name in ["a", ".hidden", "d/b", "d/.e/c", "d/.e/..f", "with space/new\nline"] {
      try folder.write(name, "x")
    }
    let names = ["a", ".hidden", "d/b", "d/.e/c", "d/.e/..f", "with space/new\\u{A}line"]
    #expect(walk() == names.map { folder.path + "/" + $0 }.sorted())
    #expect(failures.all.isEmpty)
  }

  @Test func leavesOutWhatIsNoRegularFile() throws {
    let file = try folder.write("d/file", "x")
    let links = FileManager.default
    try links.createSymbolicLink(atPath: folder.path + "/to-file", withDestinationPath: file)
    try links.createSymbolicLink(atPath: folder.path + "/to-folder", withDestinationPath: folder.path)
    try links.createSymbolicLink(atPath: folder.path + "/dangling", withDestinationPath: "/nowhere")
    #expect(mkfifo(folder.path + "/pipe", 0o600) == 0)
    #expect(walk() == [file])
    #expect(failures.all.isEmpty)
  }

  @Test func rootMayBeALinkOrAFile() throws {
    let file = try folder.write("d/file", "x")
    let link = folder.path + "/link"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: folder.path + "/d")
    #expect(walk(link) == [link + "/file"])
    #expect(walk(link + "/") == [link + "/file"])
    #expect(walk(file) == [file])
    #expect(Array(FolderWalk(BytePath(file), log: failures.log())).map(\.isRoot) == [true])
    #expect(failures.all.isEmpty)
  }

  @Test func missingRootIsReported() {
    #expect(walk("/nowhere/at/all") == [])
    #expect(failures.all.map(\.description) == ["cannot read /nowhere/at/all: No such file or directory"])
  }

  @Test func namesNeedNotBeText() throws {
    let name: [UInt8] = [0xff, 0x41]
    let path = BytePath(folder.path).appending(name)
    let descriptor = path.withCString { open($0, O_CREAT | O_WRONLY, 0o600) }
    #expect(descriptor >= 0)
    close(descriptor)
    let found = Array(FolderWalk(BytePath(folder.path), log: failures.log()))
    #expect(found.map(\.path) == [path])
    #expect(Array(PieceReader(found[0], log: failures.log())).isEmpty)
    #expect(failures.all.isEmpty)
  }

  /// With many subfolders the listing of a folder is interrupted and taken up again.
  @Test(arguments: [1, 2, 100, FolderWalk.pendingNamesLimit])
  func findsTheSameWithAnyLimit(pendingNamesLimit: Int) throws {
    for outer in 0..<12 {
      for inner in 0..<5 { try folder.write("folder\(outer)/sub\(inner)/file", "x") }
      try folder.write("file\(outer)", "x")
    }
    let expected = try find(folder.path)
    #expect(expected.count == 72)
    #expect(walk(pendingNamesLimit: pendingNamesLimit) == expected)
  }

  /// So that a deep tree does not use up the descriptors, and a wide one not the memory.
  @Test func folderStaysOpenOnlyIfItHasManySubfolders() throws {
    try folder.write("one/file", "x")
    try folder.write("two/file", "x")
    for (limit, expected) in [(1, 1), (FolderWalk.pendingNamesLimit, 0)] {
      let walk = FolderWalk(BytePath(folder.path), log: failures.log(), pendingNamesLimit: limit)
      let iterator = walk.makeIterator()
      #expect(iterator.next() != nil)
      #expect(try openDescriptors(of: folder.path) == expected)
      #expect(iterator.next() != nil)
      #expect(iterator.next() == nil)
      #expect(try openDescriptors(of: folder.path) == 0)
    }
  }

  /// Deeper than there may be open descriptors, and than a path may be long: what lies beyond is reported.
  @Test func veryDeepTree() throws {
    let deep = try DeepTree(in: folder)
    #expect(walk() == [deep.readable])
    #expect(failures.all.count == 1)
    #expect(failures.all.first?.reason == "File name too long")
  }

  @Test(.enabled(if: geteuid() != 0, "the superuser may read everything"))
  func closedFolderIsReported() throws {
    let file = try folder.write("open/file", "x")
    try folder.write("closed/file", "x")
    chmod(folder.path + "/closed", 0)
    defer { chmod(folder.path + "/closed", 0o700) }
    #expect(walk() == [file])
    #expect(failures.all.map(\.reason) == ["Permission denied"])
  }

  @Test func findsWhatFindFindsInUsrInclude() throws {
    #expect(walk("/usr/include") == (try find("/usr/include")))
  }
}

/// A tree with a file, and folders one in the other until their path is longer than the system allows: a
/// folder that no user can open by its path.
struct DeepTree {
  /// The file that can be read, of the one word "shallow".
  let readable: String

  init(in folder: TemporaryFolder) throws {
    readable = try folder.write("deep/file", "shallow")
    var parent = open(folder.path + "/deep", O_RDONLY | O_DIRECTORY)
    let name = String(repeating: "d", count: 200)
    for _ in 0..<(4096 / 200 + 1) {
      #expect(mkdirat(parent, name, 0o700) == 0)
      let child = openat(parent, name, O_RDONLY | O_DIRECTORY)
      close(parent)
      parent = child
    }
    close(parent)
  }
}
