#!/usr/bin/env bash
# A planned failover by `wsl`, Dell's shell client of WS-Management, as Debian packages it
# (https://packages.debian.org/stable/wsl): curl and xmllint, nothing that anybody here wrote.
#
# Two hosts are served at HVR_TOKYO and HVR_OSAKA; `web` runs in tokyo. What is expected are the values
# of the pages below https://learn.microsoft.com/windows/win32/hyperv_v2/ that are named beside it.
set -euo pipefail

home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
# `wsl` keeps a configuration there, and files for each request beside it.
export HOME=$home SHELL=/bin/bash OUTLEVEL=0 KEEPHISTORY=0 WSAUTOMATED=1 WSNOSSL=true
export WSUSER=$HVR_USER WSPASS=$HVR_PASSWORD no_proxy='*'

wmi=http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2
wql=http://schemas.microsoft.com/wbem/wsman/1/WQL
anonymous=http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous

# on URL COMMAND...: one command of `wsl`; what was answered is in response-*.xml.
on() {
    local url=$1 && shift
    rm -f response*.xml
    WSENDPOINT=$(sed 's|^http://||; s|/wsman$||' <<<"$url") wsl "$@" >wsl.log 2>&1 || true
    [ -s "$(last)" ] || fail "$* was not answered" ''
}
last() { find . -name 'response-*.xml' | sort -V | tail -n 1; }

fail() {
    printf 'wsl, %s\n%s\n' "$1" "$2" >&2
    cat "$(last)" wsl.log >&2 2>/dev/null || true
    exit 1
}
# found XPATH: a text of the answer. all NAME: those of all elements with a name.
found() { xmllint --xpath "$1" "$(last)" 2>/dev/null || true; }
first() { found "string(//*[local-name()='$1'])"; }
count() { found "count(//*[local-name()='$1'])"; }
checks=0
check() { # WHAT FOUND EXPECTED
    checks=$((checks + 1))
    [ "$2" = "$3" ] || fail "$1: expected \`$3\`, found \`$2\`" ''
}

# address FILE CLASS [KEY=VALUE...]: a reference with prefixes that `wsl` declares. It copies selectors
# of replies word for word, with prefixes that its own envelope does not have.
address() {
    local file=$1 class=$2 pair && shift 2
    {
        printf '<wsa:EndpointReference>\n<wsa:Address>%s</wsa:Address>\n' "$anonymous"
        printf '<wsa:ReferenceParameters>\n<wsman:ResourceURI>%s</wsman:ResourceURI>\n' "$wmi/$class"
        echo '<wsman:SelectorSet>'
        for pair in "$@"; do
            printf '<wsman:Selector Name="%s">%s</wsman:Selector>\n' "${pair%%=*}" "${pair#*=}"
        done
        printf '</wsman:SelectorSet>\n</wsa:ReferenceParameters>\n</wsa:EndpointReference>\n'
    } >"$file"
}

# complete URL FILE CLASS METHOD [NAME=VALUE...]: starts a job and polls it until it is over.
complete() {
    local url=$1 what=$4 job state
    call "$@"
    check "$what" "$(first ReturnValue)" 4096
    job=$(found "string(//*[local-name()='Job']//*[local-name()='Selector'][@Name='InstanceID'])")
    for _ in $(seq 200); do
        on "$url" get "$wmi/Msvm_ConcreteJob" "InstanceID=$job"
        state=$(first JobState)
        # msvm-concretejob: 2 New, 3 Starting, 4 Running, 7 Completed.
        case $state in 2 | 3 | 4) ;; *) break ;; esac
    done
    check "JobState of $what" "$state" 7
}
call() {
    local url=$1 file=$2 class=$3 && shift 3
    on "$url" invoke "$wmi/$class" "$@" -inst "$file"
}

# looks URL: power, mode and state of `web`, by its key.
looks() {
    on "$1" get "$wmi/Msvm_ComputerSystem" CreationClassName=Msvm_ComputerSystem "Name=$vm"
    echo "$(first EnabledState) $(first ReplicationMode) $(first ReplicationState)"
}

# DSP0226, 11: what a service says of itself.
on "$HVR_TOKYO" identify check
check identify "$(first ProtocolVersion)" http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd

# msvm-computersystem: the host and a virtual machine.
on "$HVR_TOKYO" enum "$wmi/Msvm_ComputerSystem"
check 'systems at once' "$(count Msvm_ComputerSystem)" 2
on "$HVR_TOKYO" enum "$wmi/Msvm_ComputerSystem" -mode epr
check 'addresses' "$(count EndpointReference)" 2
on "$HVR_TOKYO" enum "$wmi/Msvm_ComputerSystem" -opti 1
check 'the last of two, one at a time' "$(count Msvm_ComputerSystem)" 1
on "$HVR_TOKYO" enum "$wmi/*" -dialect "$wql" \
    -filter "SELECT * FROM Msvm_ComputerSystem WHERE Description = 'Microsoft Virtual Machine'"
check 'virtual machines' "$(first ElementName)" web
vm=$(first Name)
# The same in the dialect that `wsl` takes by default, DMTF's (DSP0202).
on "$HVR_TOKYO" enum "$wmi/Msvm_ComputerSystem" \
    -filter "SELECT * FROM Msvm_ComputerSystem WHERE ElementName = 'web'"
check 'by CQL' "$(count Msvm_ComputerSystem) $(first Name)" "1 $vm"

# EnabledState 2 Enabled, 3 Disabled; ReplicationMode 0 None, 1 Primary, 2 Replica; ReplicationState
# 0 Disabled, 3 Replicating, 4 Synced replication complete, 5 Recovered.
check 'a virtual machine' "$(looks "$HVR_TOKYO")" '2 0 0'

address vm.xml Msvm_ComputerSystem CreationClassName=Msvm_ComputerSystem "Name=$vm"
on "$HVR_TOKYO" enum "$wmi/Msvm_ReplicationService"
service=$(first CreationClassName)
check 'the service' "$service" Msvm_ReplicationService
address service.xml Msvm_ReplicationService "CreationClassName=$service"

# createreplicationrelationship-msvm-replicationservice: the settings are an instance as text.
cat >settings.txt <<'TEXT'
<![CDATA[<INSTANCE CLASSNAME="Msvm_ReplicationSettingData">
<PROPERTY NAME="RecoveryConnectionPoint" TYPE="string"><VALUE>osaka</VALUE></PROPERTY>
<PROPERTY NAME="RecoveryServerPortNumber" TYPE="uint16"><VALUE>80</VALUE></PROPERTY>
<PROPERTY NAME="AuthenticationType" TYPE="uint16"><VALUE>1</VALUE></PROPERTY>
<PROPERTY NAME="ReplicationInterval" TYPE="uint16"><VALUE>300</VALUE></PROPERTY></INSTANCE>]]>
TEXT
complete "$HVR_TOKYO" service.xml Msvm_ReplicationService CreateReplicationRelationship \
    ComputerSystem=FILE:vm.xml ReplicationSettingData=RFILE:settings.txt
complete "$HVR_TOKYO" service.xml Msvm_ReplicationService StartReplication \
    ComputerSystem=FILE:vm.xml InitialReplicationType=1
# The initial replica is sent by a job of its own, which no method tells of.
for _ in $(seq 200); do
    on "$HVR_TOKYO" enum "$wmi/*" -dialect "$wql" \
        -filter 'SELECT * FROM Msvm_ConcreteJob WHERE JobState = 4'
    [ "$(count Msvm_ConcreteJob)" != 0 ] || break
done
check 'the primary' "$(looks "$HVR_TOKYO")" '2 1 3'
check 'the replica' "$(looks "$HVR_OSAKA")" '3 2 3'

# windows-server/virtualization/hyper-v/replication-failover.
complete "$HVR_TOKYO" vm.xml Msvm_ComputerSystem RequestStateChange RequestedState=3
complete "$HVR_TOKYO" vm.xml Msvm_ComputerSystem RequestReplicationStateChange RequestedState=4
check 'prepared' "$(looks "$HVR_TOKYO")" '3 1 4'
call "$HVR_TOKYO" vm.xml Msvm_ComputerSystem RequestStateChange RequestedState=2
check 'a locked primary' "$(first ReturnValue)" 32775
complete "$HVR_OSAKA" service.xml Msvm_ReplicationService InitiateFailover ComputerSystem=FILE:vm.xml
check 'failed over' "$(looks "$HVR_OSAKA")" '3 2 5'
complete "$HVR_OSAKA" service.xml Msvm_ReplicationService ReverseReplicationRelationship \
    ComputerSystem=FILE:vm.xml
complete "$HVR_OSAKA" vm.xml Msvm_ComputerSystem RequestStateChange RequestedState=2
check 'the new primary' "$(looks "$HVR_OSAKA")" '2 1 3'
check 'the new replica' "$(looks "$HVR_TOKYO")" '3 2 3'

# DSP0226, clause 14, names faults; the prefix is the server's.
on "$HVR_TOKYO" get "$wmi/Msvm_Nothing" Name=web
check 'no such class' "$(found "substring-after(//*[local-name()='Subcode'], ':')" | tr -d ' \n')" \
    DestinationUnreachable
on "$HVR_TOKYO" enum "$wmi/*" -dialect "$wql" -filter 'SELECT * FROM Msvm_Nothing'
check 'a query of no class' "$(found "substring-after(//*[local-name()='Subcode'], ':')" | tr -d ' \n')" \
    CannotProcessFilter

echo "wsl: $checks comparisons: as expected"
