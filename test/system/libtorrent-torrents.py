#!/usr/bin/python3
"""What libtorrent makes of files, and what it says of torrents.

  libtorrent-torrents.py make PATH PIECE-LENGTH hybrid|v1|v2   prints "V1 V2", "-" for one that isn't there
  libtorrent-torrents.py check TORRENT DIR                      prints how much of it DIR holds: "BYTES of BYTES [seeding]"
"""
import os
import sys
import time

import libtorrent as lt

FLAGS = {
    "hybrid": 0,
    "v2": lt.create_torrent.v2_only,
    # As version 2 has it: in the order of the tree, each file beginning with a piece.
    "v1": lt.create_torrent.v1_only | lt.create_torrent.canonical_files,
}


def make(path, piece_length, kind):
    files = lt.file_storage()
    lt.add_files(files, path)
    torrent = lt.create_torrent(files, int(piece_length), FLAGS[kind])
    lt.set_piece_hashes(torrent, os.path.dirname(path))
    hashes = lt.torrent_info(torrent.generate()).info_hashes()
    print(hashes.v1 if hashes.has_v1() else "-", hashes.v2 if hashes.has_v2() else "-")


def check(path, directory):
    session = lt.session({
        "listen_interfaces": "", "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
    })
    params = lt.add_torrent_params()
    params.ti = lt.torrent_info(path)
    params.save_path = directory
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    handle = session.add_torrent(params)
    state = lt.torrent_status.states
    while handle.status().state in (state.checking_files, state.checking_resume_data):
        time.sleep(0.05)
    status = handle.status()
    if status.errc.value() != 0:
        sys.exit(status.errc.message())
    print(status.total_wanted_done, "of", status.total_wanted, "seeding" if status.is_seeding else "")


command, *arguments = sys.argv[1:]
{"make": make, "check": check}[command](*arguments)
