#!/usr/bin/env bash
# A SLURM cluster of one node, on the loopback interface, run by whoever calls this; its GPUs are /dev/null.
#
#   mini_slurm.sh start DIR [GPUS]    then: . DIR/env.sh
#   mini_slurm.sh stop DIR            ends the cluster's jobs and daemons
#
# SLURM_PORTS="A B" names the ports of slurmctld and slurmd.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

configure() {
    local gpus=$1 node controller_port node_port gpu
    node=$(hostname -s)
    read -r controller_port node_port <<<"${SLURM_PORTS:-26817 26818}"
    # SLURM sets CUDA_VISIBLE_DEVICES for character devices alone
    for ((gpu = 0; gpu < gpus; gpu++)); do
        ln -sfn /dev/null "$dir/gpu$gpu"
    done
    cat >"$dir/gres.conf" <<CONF
AutoDetect=off
NodeName=$node Name=gpu File=$dir/gpu[0-$((gpus - 1))]
CONF
    # cred_expire: how long a requeued job waits before it starts again
    # config_overrides: the CPUs below, however many there are
    cat >"$dir/slurm.conf" <<CONF
ClusterName=mini
SlurmctldHost=$node(127.0.0.1)
SlurmctldPort=$controller_port
SlurmdPort=$node_port
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket,cred_expire=5
StateSaveLocation=$dir/controller
SlurmdSpoolDir=$dir/node
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=1000
SchedulerParameters=sched_interval=2,bf_interval=2
SlurmdParameters=config_overrides
ReturnToService=2
MinJobAge=300
KillWait=20
GresTypes=gpu
NodeName=$node NodeAddr=127.0.0.1 CPUs=8 RealMemory=64000 Gres=gpu:$gpus State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
    # snakemake-executor-plugin-slurm-jobstep takes SLURM_CONF away from srun; a cluster whose slurm.conf lies where
    # SLURM looks for it does without
    cat >"$dir/bin/srun" <<SRUN
#!/bin/sh
SLURM_CONF=$dir/slurm.conf exec $(command -v srun) "\$@"
SRUN
    chmod +x "$dir/bin/srun"
    echo "export SLURM_CONF=$dir/slurm.conf PATH=$dir/bin:\$PATH" >"$dir/env.sh"
}

start() {
    mkdir -p "$dir"/{bin,controller,node}
    mkdir -p -m 700 "$dir/munge"
    configure "$1"
    (umask 377 && head -c 1024 /dev/urandom >"$dir/munge/key")
    # --force: the folders above DIR may be writable by others, as /tmp is
    munged --force --key-file="$dir/munge/key" --seed-file="$dir/munge/seed" --socket="$dir/munge/socket" \
        --pid-file="$dir/munged.pid" --log-file="$dir/munged.log"
    export SLURM_CONF=$dir/slurm.conf
    slurmctld -f "$SLURM_CONF"
    slurmd -f "$SLURM_CONF"
    for _ in {1..60}; do
        if sinfo --noheader --format=%T 2>/dev/null | grep -q '^idle$'; then
            sinfo --Node --noheader --format='%N: %T, %c CPUs, %G'
            return
        fi
        sleep 0.5
    done
    echo "mini_slurm.sh: the node is not idle after 30 s; see $dir/slurmctld.log and $dir/slurmd.log" >&2
    stop
    exit 1
}

end() {
    local pid
    [ -s "$1" ] || return 0
    pid=$(<"$1")
    kill "$pid" 2>/dev/null || return 0
    for _ in {1..50}; do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true
}

stop() {
    export SLURM_CONF=$dir/slurm.conf
    # a job outlives the daemon that started it
    if timeout 10 scancel --user="$(id -un)" 2>/dev/null; then
        for _ in {1..60}; do
            [ -n "$(timeout 10 squeue --noheader 2>/dev/null)" ] || break
            sleep 0.5
        done
    fi
    end "$dir/slurmd.pid"
    end "$dir/slurmctld.pid"
    end "$dir/munged.pid"
    end_jobs
}

# a job that hangs after its signal is gone for SLURM, and its processes are not
end_jobs() {
    local environment
    for environment in /proc/[0-9]*/environ; do
        if grep -qzx "SLURM_CONF=$dir/slurm.conf" "$environment" 2>/dev/null && grep -qz "^SLURM_JOB_ID=" "$environment"; then
            kill -9 "$(cut -d/ -f3 <<<"$environment")" 2>/dev/null || true
        fi
    done
}

[ $# -ge 2 ] || { sed -n '4,5s/^# *//p' "$0" >&2; exit 2; }
dir=$(realpath -m "$2")
case $1 in
start) start "${3:-4}" ;;
stop) stop ;;
*) echo "mini_slurm.sh: no verb $1" >&2; exit 2 ;;
esac
