"""Counts the words of all files in a folder as `wordcount` does, with pyper and worker processes, and prints the twenty
most frequent.

A word is a run of ASCII letters in either case. A process takes the paths that are waiting, one by one, reads the
files, and gives its counts when there are no more: the least that can go between processes.
"""

import argparse
import os
import sys
from collections import Counter

from pyper import task

# Small letters from letters, blanks from everything else.
ONLY_WORDS = bytes(ord(c) if (c := chr(byte).lower()).isascii() and c.isalpha() else 32 for byte in range(256))


def files(folder):
    """The regular files at any depth; no links are followed, except the folder itself."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    yield entry.path
                elif entry.is_dir(follow_symlinks=False):
                    yield from files(entry.path)
    except OSError as error:
        print(error, file=sys.stderr)


def count_words(paths):
    counts = Counter()
    for path in paths:
        try:
            with open(path, "rb") as file:
                counts.update(file.read().translate(ONLY_WORDS).split())
        except OSError as error:
            print(error, file=sys.stderr)
    return counts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    pipeline = task(files, branch=True, throttle=64) | task(
        count_words, join=True, workers=arguments.processes, multiprocess=True
    )
    total = Counter()
    for counts in pipeline(arguments.folder):
        total.update(counts)
    for word, count in sorted(total.items(), key=lambda item: (-item[1], item[0]))[:20]:
        print(f"{count:7d} {word.decode()}")


if __name__ == "__main__":
    main()
