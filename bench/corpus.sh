#!/bin/bash
# Builds the corpus of the benches: about 300 real packages of Debian bookworm in a signed archive of their own.
#
#   [BENCH_CORPUS=DIR] [SMALL=270] [MEDIUM=20] [LARGE="linux-source-6.1 chromium"] bench/corpus.sh
#
# SMALL (below 1 MB) and MEDIUM (1 to 10 MB) packages are taken in the order of the SHA-256 of their names, so the
# same state of Debian gives the same choice; LARGE names packages. About 1 GB as it is; a quick one of 60 MB:
#   SMALL=40 MEDIUM=6 LARGE= bench/corpus.sh
#
# Fetches gently, one file after the other, by plain `apt-get download` from wherever this machine's apt is set up to;
# what is there already is kept. Needs apt-utils, gnupg, xz-utils, and bookworm in sources.list.
# Result: pool/, dists/bookworm/ (signed), keyring.gpg, packages.txt.
set -euo pipefail

corpus=${BENCH_CORPUS:-${TMPDIR:-/tmp}/debtorrent-bench/corpus}
small=${SMALL:-270}
medium=${MEDIUM:-20}
large=${LARGE-"linux-source-6.1 fonts-noto-cjk-extra texlive-lang-greek chromium firefox-esr ghc thunderbird
  golang-1.19-go openjdk-17-jre-headless libreoffice-core"}
mkdir -p "$corpus"/{fetch,pool,gnupg}
cd "$corpus"

# --- which packages: "hash size name" of all, in the order of the hash ---------------------------------------------
choose() {
  local list name
  for list in /var/lib/apt/lists/*_bookworm_main_binary-amd64_Packages*; do /usr/lib/apt/apt-helper cat-file "$list"; done |
    awk '/^Package: /{name=$2} /^Size: /{print name, $2}' | sort -u -k1,1 |
    perl -MDigest::SHA=sha256_hex -ane 'print sha256_hex($F[0]), " $F[1] $F[0]\n"' | sort >all
  awk -v n="$small" '$2 < 1000000 && i++ < n {print $3}' all
  awk -v n="$medium" '$2 >= 1000000 && $2 < 10000000 && i++ < n {print $3}' all
  for name in $large; do echo "$name"; done
  rm all
}
[ -s packages.want ] || choose | sort -u >packages.want
echo "$(wc -l <packages.want) packages wanted"

# --- fetch ---------------------------------------------------------------------------------------------------------
if [ ! -e .fetched ]; then
  (cd fetch && apt-get -o APT::Sandbox::User=root -q download $(cat ../packages.want)) || echo "some did not come"
  touch .fetched
fi
shopt -s nullglob
for deb in fetch/*.deb; do # foo_1%3a2-3_amd64.deb is foo_2-3_amd64.deb in a pool
  file=${deb##*/} name=${file%%_*}
  case $name in lib?*) prefix=${name:0:4} ;; *) prefix=${name:0:1} ;; esac
  mkdir -p "pool/main/$prefix/$name"
  mv "$deb" "pool/main/$prefix/$name/$(sed -E 's/_[0-9]+%3a/_/' <<<"$file")"
done

# --- index and sign ------------------------------------------------------------------------------------------------
binary=dists/bookworm/main/binary-amd64
rm -rf dists
mkdir -p "$binary"
options=(-o APT::FTPArchive::SHA1=false -o APT::FTPArchive::SHA512=false # as in Debian's own indexes
  -o APT::FTPArchive::Release::SHA1=false -o APT::FTPArchive::Release::SHA512=false
  -o APT::FTPArchive::Release::Origin=Bench -o APT::FTPArchive::Release::Suite=stable
  -o APT::FTPArchive::Release::Codename=bookworm -o APT::FTPArchive::Release::Architectures=amd64
  -o APT::FTPArchive::Release::Components=main -o APT::FTPArchive::Release::Acquire-By-Hash=yes)
apt-ftparchive "${options[@]}" packages pool >"$binary/Packages"
gzip -9nk "$binary/Packages"
xz -k "$binary/Packages"
awk '/^Package: /{print $2}' "$binary/Packages" | sort >packages.txt
apt-ftparchive "${options[@]}" release dists/bookworm >Release
mv Release dists/bookworm/Release
mkdir -p "$binary"/by-hash/{MD5Sum,SHA256}
for file in "$binary"/Packages*; do
  cp "$file" "$binary/by-hash/MD5Sum/$(md5sum <"$file" | cut -d' ' -f1)"
  cp "$file" "$binary/by-hash/SHA256/$(sha256sum <"$file" | cut -d' ' -f1)"
done
export GNUPGHOME=$PWD/gnupg
chmod 700 gnupg
user='Bench <bench@example.org>'
gpg --batch -q --list-secret-keys "$user" >/dev/null 2>&1 ||
  gpg --batch -q --passphrase '' --quick-gen-key "$user" rsa2048 sign never
gpg --batch -q --yes --output keyring.gpg --export "$user"
gpg --batch -q --yes --clearsign --output dists/bookworm/InRelease dists/bookworm/Release
gpg --batch -q --yes -abs --output dists/bookworm/Release.gpg dists/bookworm/Release
gpgconf --kill gpg-agent
chmod -R a+rX pool dists keyring.gpg
echo "$(wc -l <packages.txt) packages, $(du -cb $(find pool -name '*.deb') | tail -1 | cut -f1) bytes in $PWD"
