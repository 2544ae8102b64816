"""A planned failover, there and back, by pypsrp's WSMan class (https://pypi.org/project/pypsrp/).

Two hosts are served at HVR_TOKYO and HVR_OSAKA; `web` runs in tokyo. Each way of authenticating makes
one planned failover, so that each finds what the one before it left. Nothing here knows the server's
code: what is expected is what the pages beside it say.

Classes and methods are described below https://learn.microsoft.com/windows/win32/hyperv_v2/, which
the names of pages follow; the wire is [DSP0226], [DSP0227] and [MS-WSMV].

[DSP0226]: https://www.dmtf.org/sites/default/files/standards/documents/DSP0226_1.2.0.pdf
[DSP0227]: https://www.dmtf.org/sites/default/files/standards/documents/DSP0227_1.2.0.pdf
[MS-WSMV]: https://learn.microsoft.com/openspecs/windows_protocols/ms-wsmv/
"""

import os
import sys
import xml.etree.ElementTree as ET
from urllib.parse import urlsplit

from pypsrp.exceptions import AuthenticationError, WSManFaultError
from pypsrp.wsman import NAMESPACES, SelectorSet, WSMan, WSManAction

WMI = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/"
WQL = "http://schemas.microsoft.com/wbem/wsman/1/WQL"
ANONYMOUS = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"

# The windows of pypsrp into a host: with `never`, it sends bodies as they are.
SCHEMES = {
    "Basic": {"auth": "basic", "encryption": "never"},
    "NTLM, sealed": {"auth": "ntlm", "encryption": "always"},
    "NTLM within SPNEGO, sealed": {"auth": "negotiate", "encryption": "always"},
}

checks = 0


def check(what, found, expected):
    """Compares, and ends the test at the first difference."""
    global checks
    checks += 1
    if found != expected:
        sys.exit(f"{what}:\n  expected {expected!r}\n  found    {found!r}")


def tag(prefix, name):
    return "{%s}%s" % (NAMESPACES[prefix], name)


def local(element):
    return element.tag.rpartition("}")[2]


def value(element):
    """A property: null, text, a time, or an address (DSP0230; MS-WSMV 2.2.4)."""
    if element.get(NIL) == "true":
        return None
    if element.find("wsa:ReferenceParameters", NAMESPACES) is not None:
        return Address(element)
    child = element.find("*")
    return (element.text if child is None else child.text) or ""


def properties(element):
    """The children of an instance by name; what is repeated is an array."""
    found = {}
    for child in element:
        name = local(child)
        if name in found:
            before = found[name]
            found[name] = (before if isinstance(before, list) else [before]) + [value(child)]
        else:
            found[name] = value(child)
    return found


class Address:
    """An endpoint reference."""

    def __init__(self, element):
        parameters = element.find("wsa:ReferenceParameters", NAMESPACES)
        self.uri = parameters.findtext("wsman:ResourceURI", "", NAMESPACES)
        selectors = parameters.findall("wsman:SelectorSet/wsman:Selector", NAMESPACES)
        self.keys = {it.get("Name"): it.text for it in selectors}

    def selectors(self):
        selectors = SelectorSet()
        for name, key in self.keys.items():
            selectors.add_option(name, key)
        return selectors

    def write(self, parent):
        """As a parameter: what an EndpointReference has, without that element around it."""
        ET.SubElement(parent, tag("wsa", "Address")).text = ANONYMOUS
        parameters = ET.SubElement(parent, tag("wsa", "ReferenceParameters"))
        ET.SubElement(parameters, tag("wsman", "ResourceURI")).text = self.uri
        parameters.append(self.selectors().pack())


class Host:
    def __init__(self, url, password=None, **options):
        url = urlsplit(url)
        self.wsman = WSMan(
            url.hostname,
            port=url.port,
            ssl=False,
            username=os.environ["HVR_USER"],
            password=password or os.environ["HVR_PASSWORD"],
            no_proxy=True,
            **options,
        )

    def enumerate(self, uri, wql=None, mode=None, at_once=True, each=None):
        """Items of an enumeration, all in one reply or pulled, `each` at a time."""
        body = ET.Element(tag("wsen", "Enumerate"))
        if at_once:
            ET.SubElement(body, tag("wsman", "OptimizeEnumeration"))
            ET.SubElement(body, tag("wsman", "MaxElements")).text = "32000"
        if mode:
            ET.SubElement(body, tag("wsman", "EnumerationMode")).text = mode
        if wql:
            ET.SubElement(body, tag("wsman", "Filter"), Dialect=WQL).text = wql
        reply = self.wsman.enumerate(uri, body)[0]
        items = list(reply.iterfind("wsman:Items/*", NAMESPACES))
        context = reply.findtext("wsen:EnumerationContext", None, NAMESPACES)
        while context:
            body = ET.Element(tag("wsen", "Pull"))
            ET.SubElement(body, tag("wsen", "EnumerationContext")).text = context
            if each:
                ET.SubElement(body, tag("wsen", "MaxElements")).text = str(each)
            reply = self.wsman.pull(uri, body)[0]
            pulled = list(reply.iterfind("wsen:Items/*", NAMESPACES))
            # DSP0226, 8.3: without MaxElements, one item.
            check("the items of a reply", len(pulled) <= (each or 1), True)
            items += pulled
            context = reply.findtext("wsen:EnumerationContext", None, NAMESPACES)
        return items

    def query(self, wql, **how):
        return [properties(it) for it in self.enumerate(WMI + "*", wql, **how)]

    def address(self, name, wql):
        """The address of the only object that a query finds."""
        [item] = self.enumerate(WMI + name, wql, mode="EnumerateEPR")
        return Address(item)

    def get(self, address):
        return properties(self.wsman.get(address.uri, selector_set=address.selectors())[0])

    def invoke(self, address, method, **parameters):
        uri = address.uri
        body = ET.Element("{%s}%s_INPUT" % (uri, method))
        for name, given in parameters.items():
            child = ET.SubElement(body, "{%s}%s" % (uri, name))
            if given is None:
                child.set(NIL, "true")
            elif isinstance(given, Address):
                given.write(child)
            else:
                child.text = str(given)
        envelope = self.wsman.invoke(f"{uri}/{method}", uri, body, selector_set=address.selectors())
        # DSP0227, 11.3: the reply is <method>_OUTPUT.
        [output] = envelope.find("s:Body", NAMESPACES)
        check("the reply", output.tag, "{%s}%s_OUTPUT" % (uri, method))
        return properties(output)

    def complete(self, address, method, **parameters):
        """Starts a job and polls it until it is over: 4096 and a reference, as each method's page says."""
        reply = self.invoke(address, method, **parameters)
        check(method, reply["ReturnValue"], "4096")
        job = reply["Job"]
        check("the class of the job", job.uri, WMI + "Msvm_ConcreteJob")
        for _ in range(1000):
            found = self.get(job)
            # msvm-concretejob: 2 New, 3 Starting, 4 Running, 7 Completed, 10 Exception.
            if found["JobState"] not in ("2", "3", "4"):
                break
        check(f"JobState of {method}", (found["JobState"], found["ErrorCode"]), ("7", "0"))

    def wait_for_all(self):
        """Until no job runs: the initial replica is sent by one of its own, which no method tells of."""
        for _ in range(1000):
            if not self.query("SELECT * FROM Msvm_ConcreteJob WHERE JobState < 5"):
                return
        sys.exit("a job does not end")

    # What a virtual machine and its replication look like.

    def vm(self):
        return self.address("Msvm_ComputerSystem", "SELECT * FROM Msvm_ComputerSystem WHERE ElementName = 'web'")

    def service(self):
        return self.address("Msvm_ReplicationService", "SELECT * FROM Msvm_ReplicationService")

    def looks(self):
        """Power, mode and state of `web`."""
        vm = self.get(self.vm())
        return tuple(int(vm[it]) for it in ("EnabledState", "ReplicationMode", "ReplicationState"))


# msvm-computersystem: EnabledState 2 Enabled, 3 Disabled; ReplicationMode 0 None, 1 Primary, 2 Replica;
# ReplicationState 3 Replicating, 4 Synced replication complete, 5 Recovered.
RUNNING, OFF = 2, 3
NONE, PRIMARY, REPLICA = 0, 1, 2
DISABLED, REPLICATING, SYNCED, RECOVERED = 0, 3, 4, 5


def instance(name, *properties):
    """CIM-XML of an instance, as embedded parameters want it (DSP0201, 3.2.5)."""
    root = ET.Element("INSTANCE", CLASSNAME=name)
    for name, of, text in properties:
        ET.SubElement(ET.SubElement(root, "PROPERTY", NAME=name, TYPE=of), "VALUE").text = text
    return ET.tostring(root, encoding="unicode")


def looking(tokyo):
    """Enumerations, queries, Get, the configuration."""
    # config of MS-WSMV 2.2.4.10; 500 is the default of Windows:
    # win32/winrm/installation-and-configuration-for-windows-remote-management
    config = tokyo.wsman.get_server_config()
    check("MaxEnvelopeSizekb", config.findtext("cfg:Config/cfg:MaxEnvelopeSizekb", None, NAMESPACES), "500")

    # msvm-computersystem: one for the host, one for each virtual machine; Description tells them apart.
    systems = {"Microsoft Hosting Computer System", "Microsoft Virtual Machine"}
    for how in ({}, {"at_once": False}, {"at_once": False, "each": 1}, {"at_once": False, "each": 10}):
        found = tokyo.enumerate(WMI + "Msvm_ComputerSystem", **how)
        check(f"systems, {how}", {properties(it)["Description"] for it in found}, systems)
        check(f"systems, {how}", len(found), 2)
    both = tokyo.enumerate(WMI + "Msvm_ComputerSystem", mode="EnumerateObjectAndEPR")
    check("object and address", [[local(it) for it in item] for item in both],
          [["Msvm_ComputerSystem", "EndpointReference"]] * 2)

    # win32/wmisdk/wql-sql-for-wmi; text is compared regardless of case.
    for condition, count in [
        ("Description = 'Microsoft Virtual Machine'", 1),
        ("ElementName = \"WEB\"", 1),
        ("ElementName LIKE 'w%' AND NOT EnabledState = 3", 1),
        ("Name != __SERVER AND (EnabledState = 2 OR EnabledState = 9)", 1),
        ("ElementName = 'mail'", 0),
    ]:
        found = tokyo.query(f"SELECT * FROM Msvm_ComputerSystem WHERE {condition}")
        check(condition, len(found), count)
    # MS-WSMV 2.2.4: a query that names properties is answered with fragments, of these alone.
    [fragment] = tokyo.enumerate(
        WMI + "*", "SELECT ElementName, EnabledState FROM Msvm_ComputerSystem WHERE ElementName = 'web'")
    check("a fragment", fragment.tag, tag("wsman", "XmlFragment"))
    check("a fragment", (fragment.findtext("ElementName"), fragment.findtext("EnabledState")), ("web", "2"))

    # msvm-settingsdefinestate: from a virtual machine to its settings.
    vm = tokyo.vm()
    path = ",".join(f"{name}='{key}'" for name, key in sorted(vm.keys.items()))
    found = tokyo.query("ASSOCIATORS OF {Msvm_ComputerSystem.%s} WHERE AssocClass = Msvm_SettingsDefineState "
                        "ResultClass = Msvm_VirtualSystemSettingData" % path)
    check("settings", [it["ElementName"] for it in found], ["web"])
    # The keys of a reference are those of the class.
    check("keys", set(vm.keys), {"CreationClassName", "Name"})
    check("a virtual machine", tokyo.looks(), (RUNNING, NONE, DISABLED))


def replicate(primary, replica):
    """createreplicationrelationship-, startreplication-msvm-replicationservice."""
    vm = primary.vm()
    settings = instance(
        "Msvm_ReplicationSettingData",
        ("RecoveryConnectionPoint", "string", "osaka"),
        ("RecoveryServerPortNumber", "uint16", "80"),  # msvm-replicationservicesettingdata: HTTP
        ("AuthenticationType", "uint16", "1"),  # Kerberos
        ("CompressionEnabled", "boolean", "TRUE"),
        ("ReplicationInterval", "uint16", "300"),  # five minutes, of 30, 300 and 900 s
    )
    primary.complete(primary.service(), "CreateReplicationRelationship",
                     ComputerSystem=vm, ReplicationSettingData=settings)
    primary.complete(primary.service(), "StartReplication", ComputerSystem=vm, InitialReplicationType=1,
                     InitialReplicationExportLocation=None, StartTime=None)
    primary.wait_for_all()
    check("the primary", primary.looks(), (RUNNING, PRIMARY, REPLICATING))
    check("the replica", replica.looks(), (OFF, REPLICA, REPLICATING))
    # A replica has the name, the GUID, of its primary.
    check("the name of the replica", replica.vm().keys, vm.keys)
    [line] = primary.query("SELECT * FROM Msvm_ReplicationSettingData WHERE VirtualSystemIdentifier = "
                           f"'{vm.keys['Name']}'")
    check("what was set", (line["RecoveryConnectionPoint"], line["ReplicationInterval"]), ("osaka", "300"))


def planned_failover(primary, replica):
    """learn.microsoft.com/windows-server/virtualization/hyper-v/replication-failover: shut down,
    prepare, fail over, reverse, start."""
    vm, over = primary.vm(), replica.vm()
    primary.complete(vm, "RequestStateChange", RequestedState=3, TimeoutPeriod=None)
    check("shut down", primary.looks(), (OFF, PRIMARY, REPLICATING))
    # requestreplicationstatechangeex-msvm-computersystem: 4 prepares a planned failover.
    primary.complete(vm, "RequestReplicationStateChangeEx",
                     ReplicationRelationship=None, RequestedState=4, TimeoutPeriod=None)
    check("prepared", primary.looks(), (OFF, PRIMARY, SYNCED))
    # Start-VMFailover: a prepared primary is locked; a method that is refused has no job.
    refused = primary.invoke(vm, "RequestStateChange", RequestedState=2, TimeoutPeriod=None)
    check("a locked primary", (refused["ReturnValue"], refused["Job"]), ("32775", None))
    replica.complete(replica.service(), "InitiateFailover", ComputerSystem=over, SnapshotSettingData=None)
    check("failed over", replica.looks(), (OFF, REPLICA, RECOVERED))
    replica.complete(replica.service(), "ReverseReplicationRelationship",
                     ComputerSystem=over, ReplicationSettingData=None)
    check("the new primary", replica.looks(), (OFF, PRIMARY, REPLICATING))
    check("the new replica", primary.looks(), (OFF, REPLICA, REPLICATING))
    replica.complete(over, "RequestStateChange", RequestedState=2, TimeoutPeriod=None)
    check("started", replica.looks(), (RUNNING, PRIMARY, REPLICATING))


def fault_of(request):
    """Subcode with its namespace, and Windows' number, of the fault that a request is answered with."""
    try:
        request()
    except WSManFaultError as error:
        text = error.__context__.response_text
        prefixes = dict(it for _, it in ET.iterparse(__import__("io").StringIO(text), ["start-ns"]))
        subcode = ET.fromstring(text).findtext("s:Body/s:Fault/s:Code/s:Subcode/s:Value", "", NAMESPACES)
        prefix, _, name = subcode.partition(":")
        return prefixes[prefix], name, error.code
    return None


def faults(tokyo):
    """DSP0226, clause 14, names them; WsmErr.h has the numbers."""
    def get(name, **keys):
        selectors = SelectorSet()
        for key, text in keys.items():
            selectors.add_option(key, text)
        return lambda: tokyo.wsman.get(WMI + name, selector_set=selectors)

    def pull():
        body = ET.Element(tag("wsen", "Pull"))
        ET.SubElement(body, tag("wsen", "EnumerationContext")).text = "uuid:00000000-0000-0000-0000-000000000000"
        tokyo.wsman.pull(WMI + "*", body)

    def wrapped():
        """MS-WSMV 2.2.4: the address of a parameter has no EndpointReference around it."""
        uri, vm = WMI + "Msvm_ReplicationService", tokyo.vm()
        body = ET.Element("{%s}StartReplication_INPUT" % uri)
        system = ET.SubElement(body, "{%s}ComputerSystem" % uri)
        vm.write(ET.SubElement(system, tag("wsa", "EndpointReference")))
        tokyo.wsman.invoke(f"{uri}/StartReplication", uri, body, selector_set=tokyo.service().selectors())

    def small():
        before, tokyo.wsman.max_envelope_size = tokyo.wsman.max_envelope_size, 8191
        try:
            tokyo.query("SELECT * FROM Msvm_ComputerSystem")
        finally:
            tokyo.wsman.max_envelope_size = before

    shell = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/cmd"
    wsa, wsen, wsman = (NAMESPACES[it] for it in ("wsa", "wsen", "wsman"))
    for what, request, expected in [
        ("no such class", get("Msvm_Nothing", Name="web"), (wsa, "DestinationUnreachable", 0x80338000)),
        ("no such object", get("Msvm_ReplicationRelationship", InstanceID="Microsoft:nothing"),
         (wsa, "DestinationUnreachable", 0x80338000)),
        ("no key", get("Msvm_ComputerSystem", Colour="red"), (wsman, "InvalidSelectors", 0x8033805B)),
        ("a query of no class", lambda: tokyo.query("SELECT * FROM Msvm_Nothing"),
         (wsen, "CannotProcessFilter", 0x8033801A)),
        ("no query", lambda: tokyo.query("SELECT FROM WHERE"), (wsen, "CannotProcessFilter", 0x8033801A)),
        ("no such enumeration", pull, (wsen, "InvalidEnumerationContext", None)),
        ("a reference in a wrapper", wrapped, (wsman, "SchemaValidationError", None)),
        # DSP0226, R13.1-3: no limit below 8192.
        ("too small an envelope", small, (wsman, "EncodingLimit", None)),
        ("creating", lambda: tokyo.wsman.create(WMI + "Msvm_ComputerSystem", ET.Element("x")),
         (wsa, "ActionNotSupported", None)),
        # There is no shell, nor will there be.
        ("a shell", lambda: tokyo.wsman.invoke(WSManAction.COMMAND, shell, ET.Element("x")),
         (wsa, ("ActionNotSupported", "DestinationUnreachable"), None)),
    ]:
        found = fault_of(request)
        check(f"{what}: a fault", found is not None, True)
        names = expected[1] if isinstance(expected[1], tuple) else (expected[1],)
        check(f"{what}: {found}", (found[0], found[1] in names), (expected[0], True))
        if expected[2] is not None:
            check(f"{what}: the number", found[2], expected[2])
    check("and it goes on", tokyo.looks()[0] in (RUNNING, OFF), True)


def main():
    urls = [os.environ["HVR_TOKYO"], os.environ["HVR_OSAKA"]]
    there = True
    for name, options in SCHEMES.items():
        tokyo, osaka = (Host(url, **options) for url in urls)
        if there and name == "Basic":
            looking(tokyo)
            replicate(tokyo, osaka)
        planned_failover(*((tokyo, osaka) if there else (osaka, tokyo)))
        faults(tokyo)
        # RFC 9110, 15.5.2: 401 is to be told that one is not let in.
        try:
            Host(urls[0], password="wrong", **options).looks()
            sys.exit(f"{name}: a wrong password is let in")
        except AuthenticationError:
            pass
        where = "from tokyo to osaka" if there else "from osaka to tokyo"
        print(f"pypsrp, {name}: a planned failover {where}, and faults: as expected")
        there = not there
    print(f"pypsrp: {checks} comparisons")


if __name__ == "__main__":
    main()
