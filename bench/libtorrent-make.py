#!/usr/bin/python3
"""libtorrent-make.py DIR PIECE-LENGTH OUT: a hybrid torrent of all files in DIR, as libtorrent makes it."""
import os
import sys

import libtorrent as lt

directory, piece_length, out = sys.argv[1:]
files = lt.file_storage()
lt.add_files(files, directory)
torrent = lt.create_torrent(files, int(piece_length))
lt.set_piece_hashes(torrent, os.path.dirname(directory))
with open(out, "wb") as target:
    target.write(lt.bencode(torrent.generate()))
