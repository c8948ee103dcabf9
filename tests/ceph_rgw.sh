#!/usr/bin/env bash
# Ceph's RADOS gateway on loopback: one monitor, one OSD in memory, one gateway. Debian packages:
#   radosgw ceph-mon ceph-mgr ceph-osd ceph-common
#
#   ceph_rgw.sh start DIR PORT    serve S3 on 127.0.0.1:PORT for the user test / testsecret
#   ceph_rgw.sh user DIR PORT NAME  add the user NAME with the key NAME and the secret NAMEsecret
#   ceph_rgw.sh stop DIR PORT     end exactly the processes that start began, and remove DIR
set -euo pipefail
verb=$1
dir=$2
port=$3
conf=$dir/ceph.conf

launch() { # NAME COMMAND...: run a daemon and remember its process
  local name=$1
  shift
  setsid "$@" >"$dir/log/$name.out" 2>&1 &
  echo $! >"$dir/run/pid.$name"
}

until_true() { # COMMAND...: try twice a second, for a minute
  for _ in $(seq 120); do
    "$@" && return
    sleep 0.5
  done
  return 1
}

# The administration tool hangs for good if it starts before the OSD takes part.
osd_is_up() { timeout 20 ceph -c "$conf" osd stat 2>/dev/null | grep -q '1 up'; }

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }

write_configuration() {
  cat >"$conf" <<CONF
[global]
fsid = $1
mon host = v1:127.0.0.1:$((port + 1))/0
mon initial members = a
auth cluster required = none
auth service required = none
auth client required = none
run dir = $dir/run
log file = $dir/log/\$name.log
admin socket = $dir/run/\$name.asok
osd pool default size = 1
osd pool default min size = 1
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
osd pool default pg num = 4
osd pool default pgp num = 4
mon max pg per osd = 1000
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr2 = false
[mon.a]
mon data = $dir/mon/a
public addr = v1:127.0.0.1:$((port + 1))
auth allow insecure global id reclaim = false
[osd.0]
osd data = $dir/osd/0
osd objectstore = memstore
memstore device bytes = 1073741824
ms bind port min = $((port + 10))
ms bind port max = $((port + 60))
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:$port
rgw dns name = 127.0.0.1
rgw relaxed s3 bucket names = true
CONF
}

start() {
  mkdir -p "$dir"/{mon/a,osd/0,run,log}
  local fsid osd as=(--setuser root --setgroup root)
  fsid=$(python3 -c 'import uuid; print(uuid.uuid4())')
  osd=$(python3 -c 'import uuid; print(uuid.uuid4())')
  write_configuration "$fsid"
  export CEPH_CONF=$conf
  monmaptool --create --clobber --fsid "$fsid" --addv a "[v1:127.0.0.1:$((port + 1))]" "$dir/monmap"
  ceph-mon --mkfs -i a --monmap "$dir/monmap" -c "$conf" "${as[@]}"
  launch mon ceph-mon -i a -c "$conf" -f "${as[@]}"
  timeout 60 ceph -c "$conf" osd new "$osd"
  ceph-osd -i 0 --mkfs --osd-uuid "$osd" -c "$conf" "${as[@]}"
  launch osd ceph-osd -i 0 -c "$conf" -f "${as[@]}"
  until_true osd_is_up
  timeout 120 radosgw-admin -c "$conf" user create --uid test --display-name test \
    --access-key test --secret testsecret
  launch rgw radosgw -n client.rgw -c "$conf" -f "${as[@]}"
  until_true answers
}

stop() {
  local file pid
  for file in "$dir"/run/pid.*; do
    [[ -f $file ]] || continue
    pid=$(cat "$file")
    kill "$pid" 2>/dev/null || continue
    timeout 10 tail --pid="$pid" -f /dev/null || kill -9 "$pid" 2>/dev/null || true
  done
  rm -rf "$dir"
}

case $verb in
start)
  # In a process of its own: a failing step ends a shell only where nobody asks for its result.
  mkdir -p "$dir"
  bash "$0" launch "$dir" "$port" >"$dir/start.out" 2>&1 || {
    cat "$dir/start.out" "$dir"/log/*.out >&2
    stop
    exit 1
  }
  ;;
launch) start ;;
user)
  timeout 60 radosgw-admin -c "$conf" user create --uid "$4" --display-name "$4" --access-key "$4" --secret "$4secret" >/dev/null
  ;;
stop) stop ;;
*)
  echo "usage: ceph_rgw.sh start|stop DIR PORT" >&2
  exit 2
  ;;
esac
