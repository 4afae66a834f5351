#!/usr/bin/python3
"""An ordinary BitTorrent client, libtorrent, that finds peers by its torrent's tracker only.

  libtorrent-client.py make PATH TORRENT TRACKER [KIND [PIECE [WEBSEED]]]
      writes a torrent of a file or folder; unless told, of v1 with pieces of 16 KiB; prints info-hashes and magnet link
  libtorrent-client.py run TORRENT|MAGNET DIR      fetches it into DIR, or seeds what is there, until it is ended
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


def make(path, out, tracker, kind="v1", piece="16384", web_seed=None):
    files = lt.file_storage()
    lt.add_files(files, path)
    flags = {"v1": lt.create_torrent.v1_only, "v2": lt.create_torrent.v2_only, "hybrid": 0}[kind]
    torrent = lt.create_torrent(files, int(piece), flags)
    if tracker:
        torrent.add_tracker(tracker)
    if web_seed:
        torrent.add_url_seed(web_seed)
    lt.set_piece_hashes(torrent, os.path.dirname(path))
    with open(out, "wb") as target:
        target.write(lt.bencode(torrent.generate()))
    info = lt.torrent_info(out)
    hashes = info.info_hashes()
    print(hashes.v1 if hashes.has_v1() else "", str(hashes.v2)[:40] if hashes.has_v2() else "")
    print(lt.make_magnet_uri(info))


def run(torrent, directory):
    session = lt.session(SETTINGS)
    if torrent.startswith("magnet:"):
        params = lt.parse_magnet_uri(torrent)
    else:
        params = lt.add_torrent_params()
        params.ti = lt.torrent_info(torrent)
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
