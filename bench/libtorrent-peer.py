#!/usr/bin/python3
"""libtorrent's side of peer-to-peer.ts: makes a torrent, seeds it, or fetches it from one peer over TCP.

  libtorrent-peer.py make FILE TORRENT [KIND]   writes a torrent with 1 MiB pieces, of v1 unless told (v2, hybrid)
  libtorrent-peer.py seed TORRENT DIR PORT [BYTES_PER_SECOND]
                                                prints "ready", seeds until it is ended
  libtorrent-peer.py crowd TORRENT DIR PORT COUNT
                                                as fetch, by so many clients that know each other, until all have it
  libtorrent-peer.py fetch TORRENT DIR PORT     prints "ready"; told "go" on stdin it fetches from 127.0.0.1:PORT and
                                                prints the seconds until every piece was there and verified

uTP is off (as its default it reaches a twentieth of TCP's speed over loopback), so is everything that finds peers.
The seeder has libtorrent's settings for high performance.
"""
import os
import sys
import time

import libtorrent as lt

PIECE_BYTES = 1 << 20
COMMON = {
    "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
    "enable_outgoing_utp": False, "enable_incoming_utp": False,
    "in_enc_policy": 2, "out_enc_policy": 2,  # none
}


def make(path, out, kind="v1"):
    files = lt.file_storage()
    lt.add_files(files, path)
    torrent = lt.create_torrent(files, PIECE_BYTES, {"v1": lt.create_torrent.v1_only, "v2": lt.create_torrent.v2_only, "hybrid": 0}[kind])
    lt.set_piece_hashes(torrent, os.path.dirname(path))
    with open(out, "wb") as target:
        target.write(lt.bencode(torrent.generate()))


def parameters(torrent, directory):
    params = lt.add_torrent_params()
    params.ti = lt.torrent_info(torrent)
    params.save_path = directory
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    return params


def seed(torrent, directory, port, limit="0"):
    settings = dict(lt.high_performance_seed())
    settings.update(COMMON, listen_interfaces=f"127.0.0.1:{port}", upload_rate_limit=int(limit),
                    allow_multiple_connections_per_ip=True)
    session = lt.session(settings)
    # Peers of the local network are of a class that no limit is for, unless one is said.
    local = session.get_peer_class(lt.session.local_peer_class_id)
    local["upload_limit"] = int(limit)
    session.set_peer_class(lt.session.local_peer_class_id, local)
    params = parameters(torrent, directory)
    params.flags |= lt.torrent_flags.seed_mode
    handle = session.add_torrent(params)
    while not handle.status().is_seeding or not session.is_listening():
        time.sleep(0.01)
    print("ready", flush=True)
    while True:
        time.sleep(60)


def fetch(torrent, directory, port):
    settings = dict(COMMON, listen_interfaces="127.0.0.1:0", alert_mask=lt.alert.category_t.status_notification)
    session = lt.session(settings)
    handle = session.add_torrent(parameters(torrent, directory))
    # The check of files that aren't there yet is no part of the transfer.
    while str(handle.status().state) != "downloading":
        time.sleep(0.01)
    print("ready", flush=True)
    sys.stdin.readline()
    started = time.monotonic()
    handle.connect_peer(("127.0.0.1", int(port)))
    while True:
        session.wait_for_alert(1000)
        if any(isinstance(alert, lt.torrent_finished_alert) for alert in session.pop_alerts()):
            break
    print(f"{time.monotonic() - started:.4f}", flush=True)
    sys.stdin.readline()  # until it has been looked at


def crowd(torrent, directory, port, count):
    clients = []
    for number in range(int(count)):
        place = os.path.join(directory, str(number))
        os.makedirs(place)
        # Each at an address of its own, or they would count as one.
        address = f"127.0.1.{number + 1}"
        settings = dict(COMMON, listen_interfaces=f"{address}:6881", outgoing_interfaces=address)
        session = lt.session(settings)
        clients.append((address, session, session.add_torrent(parameters(torrent, place))))
    while any(str(handle.status().state) != "downloading" for _, _, handle in clients):
        time.sleep(0.01)
    print("ready", flush=True)
    sys.stdin.readline()
    started = time.monotonic()
    for address, _, handle in clients:
        handle.connect_peer(("127.0.0.1", int(port)))
        for other, _, _ in clients:
            if other < address:
                handle.connect_peer((other, 6881))
    while not all(handle.status().is_seeding for _, _, handle in clients):
        time.sleep(0.02)
    print(f"{time.monotonic() - started:.4f}", flush=True)
    sys.stdin.readline()


command, *arguments = sys.argv[1:]
{"make": make, "seed": seed, "fetch": fetch, "crowd": crowd}[command](*arguments)
