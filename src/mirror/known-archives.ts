/**
 * Archives that are known to be such, by the names of their hosts: what other machines may ask for through us besides
 * this machine's own sources and what --allow-upstream names, so that a proxy on a network is no way to everywhere. A
 * list of names, no trust in anything: what they serve is checked as ever. Pure.
 *
 * In it: distributions that use APT with hosts of their own under one domain, and vendors that many machines have in
 * their sources. Not in it: hosts where anybody can put up pages under the same name.
 */
const DOMAINS: readonly string[] = [
  // Distributions. Debian's covers ftp.de.debian.org and its like, security, snapshot and ports.
  'debian.org',
  'ubuntu.com',
  'canonical.com',
  'devuan.org',
  'kali.org',
  'linuxmint.com',
  'raspbian.org',
  'raspberrypi.com',
  'raspberrypi.org',
  'armbian.com',
  'proxmox.com',
  'pureos.net',
  'trisquel.org',
  'parrot.sh',
  'elementary.io',
  'neon.kde.org',
  'pop-os.org',
  'deepin.com',
  'deepin.org',
  'grml.org',
  'tails.net',
  'turnkeylinux.org',
  'openmediavault.org',
  // Package archives of people and teams.
  'ppa.launchpad.net',
  'ppa.launchpadcontent.net',
  'deb-multimedia.org',
  // Vendors.
  'apt.postgresql.org',
  'apt.llvm.org',
  'nodesource.com',
  'dl.google.com',
  'download.docker.com',
  'packages.microsoft.com',
  'packages.mozilla.org',
  'packages.gitlab.com',
  'packages.grafana.com',
  'apt.grafana.com',
  'apt.releases.hashicorp.com',
  'apt.kubernetes.io',
  'pkgs.k8s.io',
  'pkg.jenkins.io',
  'repo.mysql.com',
  'repo.mongodb.org',
  'repo.saltproject.io',
  'nginx.org',
  'apt.puppet.com',
  'artifacts.elastic.co',
  'cli.github.com',
  'brave-browser-apt-release.s3.brave.com',
  'updates.signal.org',
  'repository.spotify.com',
  'apt.syncthing.net',
  'pkgs.tailscale.com',
  'deb.torproject.org',
  'developer.download.nvidia.com',
  'repo.radeon.com',
];

const KNOWN: ReadonlySet<string> = new Set(DOMAINS);

/** `host` without port, lower case: one of these, or below one. */
export function isKnownArchive(host: string): boolean {
  for (let name = host; name !== ''; name = name.slice(name.indexOf('.') + 1)) {
    if (KNOWN.has(name)) return true;
    if (!name.includes('.')) return false;
  }
  return false;
}

/** For the documents. */
export const KNOWN_ARCHIVES: readonly string[] = DOMAINS;
