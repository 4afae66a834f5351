#!/bin/bash -p
# debtorrent's probe: whether apt is to ask the daemon or to do without. Written by `debtorrent apt enable`.
#
# apt runs it for each host with the URI as its only argument (Acquire::http::Proxy-Auto-Detect, apt.conf(5)) and takes
# the first line printed: a proxy, or DIRECT. A daemon that doesn't answer: what would hold without us, in apt's own
# order; what that is can't be told in time, or apt knows better: nothing, and apt goes by its settings.
# debootstrap runs it without an argument and takes what is printed for a proxy: then the daemon's address or nothing.
#
# Always exit code 0 and no word to stderr, or apt downloads everything and then installs nothing. Never longer than
# 0.3 s. A connection proves nothing, the socket may be held for a daemon that is gone or hangs: an answer does.
# -p: no file and no function named by the environment is run.
exec 2>/dev/null
readonly host=127.0.0.1 port=9988 proxy=http://127.0.0.1:9988
# In seconds: a wait for the answer, of two; and all the time there is.
readonly wait=0.1 all=0.3
PATH=/usr/bin:/bin
LC_ALL=C

# Prints "alive" when DebTorrent answers.
ask() {
  local line
  exec 9<>"/dev/tcp/$host/$port" || return
  # In one packet: bash sends the first text that it prints line by line, printf each.
  echo >/dev/null
  echo -n $'GET /healthz HTTP/1.1\r\nHost: '"${proxy#http://}"$'\r\nConnection: close\r\n\r\n' >&9
  IFS= read -r -u 9 line
  [[ $line == 'HTTP/1.1 200 '* ]] || return
  while IFS= read -r -u 9 line && [[ $line != $'\r' ]]; do
    [[ ${line,,} == 'server: debtorrent'* ]] && printf 'alive\n' && return
  done
}

# The host of a URI, as apt writes it.
host_of() {
  local authority=${1#*://}
  authority=${authority%%/*}
  authority=${authority##*@}
  if [[ $authority == \[* ]]; then
    authority=${authority#\[}
    printf '%s' "${authority%%\]*}"
  else
    printf '%s' "${authority%:*}"
  fi
}

# The line for a URI as if we weren't there: of several settings the first counts, as in apt's http method.
without_us() {
  local key value name found=
  local -A set=()
  while read -r key value; do
    set[${key,,}]=$value
  done < <(apt-config dump --no-empty --format '%f %v%n' Acquire::http::Proxy Acquire::https::Proxy)
  if [[ $1 == https://* ]]; then
    for name in "acquire::http::proxy::$(host_of "$1")" acquire::https::proxy acquire::http::proxy; do
      found=${found:-${set[$name]}}
    done
    found=${found:-${https_proxy:-$http_proxy}}
  else
    found=${set[acquire::http::proxy]:-$http_proxy}
  fi
  if [[ -z $found ]]; then
    printf 'DIRECT\n'
  elif [[ $found == DIRECT || $found =~ ^(http|https|socks5h)://[[:graph:]]+$ ]]; then
    printf '%s\n' "$found"
  fi
}

uri=${1-} answer='' line='' reads_settings=''
# https through us would only be a tunnel.
if [[ $uri != https://* ]]; then
  exec 7< <(ask)
  asking=$!
  read -r -t "$wait" -u 7 answer
  if (($? > 128)); then
    # Not yet: the settings are read meanwhile, in case there is no answer at all.
    [[ -n $uri ]] && exec 8< <(without_us "$uri") && reads_settings=yes
    read -r -t "$wait" -u 7 answer
    kill "$asking"
    all_that_is_left=$wait
  fi
fi
if [[ $answer == alive ]]; then
  printf '%s\n' "$proxy"
elif [[ -n $uri ]]; then
  [[ -n $reads_settings ]] || exec 8< <(without_us "$uri")
  read -r -t "${all_that_is_left:-$all}" -u 8 line && printf '%s\n' "$line"
fi
exit 0
