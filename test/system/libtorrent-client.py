#!/usr/bin/python3
"""An ordinary BitTorrent client, libtorrent, that finds peers by its torrent's tracker only.

  libtorrent-client.py make FILE TORRENT TRACKER   writes a v1 torrent of FILE with 16 KiB pieces
  libtorrent-client.py run TORRENT DIR             fetches it into DIR, or seeds what is there, until it is ended
"""
import os
import signal
import sys
import time

import libtorrent as lt

SETTINGS = {
    "listen_interfaces": "0.0.0.0:6881,[::]:6881",
    "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
    "enable_outgoing_utp": False, "enable_incoming_utp": False,
    "alert_mask": lt.alert.category_t.tracker_notification | lt.alert.category_t.error_notification,
}


def make(path, out, tracker):
    files = lt.file_storage()
    lt.add_files(files, path)
    torrent = lt.create_torrent(files, 16 * 1024, lt.create_torrent.v1_only)
    torrent.add_tracker(tracker)
    lt.set_piece_hashes(torrent, os.path.dirname(path))
    with open(out, "wb") as target:
        target.write(lt.bencode(torrent.generate()))


def run(path, directory):
    session = lt.session(SETTINGS)
    params = lt.add_torrent_params()
    params.ti = lt.torrent_info(path)
    params.save_path = directory
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    params.flags |= lt.torrent_flags.disable_pex
    session.add_torrent(params)
    ending = []
    signal.signal(signal.SIGTERM, lambda *_: ending.append(True))
    while not ending:
        for alert in session.pop_alerts():
            print(alert.message(), flush=True)
        time.sleep(0.1)
    # `stopped` goes out while the session is taken down.
    del session


command, *arguments = sys.argv[1:]
{"make": make, "run": run}[command](*arguments)
