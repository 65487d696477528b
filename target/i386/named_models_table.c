/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The named CPU models: family, model and features as the vendors' manuals have them (Intel SDM
 * volume 2, CPUID; AMD APM volume 3, appendix D), less what no virtual machine offers.  A model
 * builds on the one before it in its line; versions change it without changing what its older name
 * means.
 */
#include "named_models.h"

#define MODEL_TYPE(ident, model_, name_, version_, alias_) \
    static const X86ModelRef ref_##ident = { \
        .model = &model_, .version = version_, .alias_of = alias_}; \
    static const TypeInfo type_##ident = { \
        .name = X86_CPU_TYPE_NAME(name_), \
        .parent = TYPE_X86_CPU, \
        .class_init = x86_named_class_init, \
        .class_data = &ref_##ident, \
        .instance_init = x86_named_instance_init, \
    }; \
    QOM_TYPE(type_##ident)

static void x86_named_class_init(ObjectClass *klass, const void *data)
{
    ((DeviceClass *)klass)->desc = x86_model_desc(data); /* the class lives for ever */
}

static const X86Model m_486 = {
    .name = "486",
    .vendor = "GenuineIntel",
    .model_id = "",
    .family = 4,
    .model = 8,
    .stepping = 0,
    .level = 0x1,
    .xlevel = 0x0,
    .features = "+fpu +vme +pse",
};
MODEL_TYPE(m_486_v0, m_486, "486", 0, "486-v1");
MODEL_TYPE(m_486_v1, m_486, "486-v1", 1, NULL);

static const X86Model m_pentium = {
    .name = "pentium",
    .vendor = "GenuineIntel",
    .model_id = "",
    .parent = &m_486,
    .family = 5,
    .model = 4,
    .stepping = 3,
    .level = 0x1,
    .xlevel = 0x0,
    .features = "+de +tsc +msr +mce +cx8 +mmx +apic",
};
MODEL_TYPE(m_pentium_v0, m_pentium, "pentium", 0, "pentium-v1");
MODEL_TYPE(m_pentium_v1, m_pentium, "pentium-v1", 1, NULL);

static const X86Model m_pentium2 = {
    .name = "pentium2",
    .vendor = "GenuineIntel",
    .model_id = "",
    .parent = &m_pentium,
    .family = 6,
    .model = 5,
    .stepping = 2,
    .level = 0x2,
    .xlevel = 0x0,
    .features = "+pae +sep +mtrr +pge +mca +cmov +pat +pse36 +fxsr",
};
MODEL_TYPE(m_pentium2_v0, m_pentium2, "pentium2", 0, "pentium2-v1");
MODEL_TYPE(m_pentium2_v1, m_pentium2, "pentium2-v1", 1, NULL);

static const X86Model m_pentium3 = {
    .name = "pentium3",
    .vendor = "GenuineIntel",
    .model_id = "",
    .parent = &m_pentium2,
    .family = 6,
    .model = 7,
    .stepping = 3,
    .level = 0x3,
    .xlevel = 0x0,
    .features = "+sse",
};
MODEL_TYPE(m_pentium3_v0, m_pentium3, "pentium3", 0, "pentium3-v1");
MODEL_TYPE(m_pentium3_v1, m_pentium3, "pentium3-v1", 1, NULL);

static const X86Model m_qemu32 = {
    .name = "qemu32",
    .vendor = "GenuineIntel",
    .model_id = "QEMU Virtual CPU",
    .family = 6,
    .model = 6,
    .stepping = 3,
    .level = 0x4,
    .xlevel = 0x80000004,
    .features =
        "+fpu +de +pse +tsc +msr +pae +mce +cx8 +pge +cmov +pat +fxsr +mmx +sse +sse2 +apic +sep "
        "+pni",
};
MODEL_TYPE(m_qemu32_v0, m_qemu32, "qemu32", 0, "qemu32-v1");
MODEL_TYPE(m_qemu32_v1, m_qemu32, "qemu32-v1", 1, NULL);

static const X86Model m_qemu64 = {
    .name = "qemu64",
    .vendor = "AuthenticAMD",
    .model_id = "QEMU Virtual CPU",
    .parent = &m_qemu32,
    .family = 15,
    .model = 107,
    .stepping = 1,
    .level = 0xd,
    .xlevel = 0x8000000a,
    .features = "+mtrr +clflush +mca +pse36 +cx16 +lm +syscall +nx +lahf-lm +svm",
};
MODEL_TYPE(m_qemu64_v0, m_qemu64, "qemu64", 0, "qemu64-v1");
MODEL_TYPE(m_qemu64_v1, m_qemu64, "qemu64-v1", 1, NULL);

static const X86Model m_kvm32 = {
    .name = "kvm32",
    .vendor = "GenuineIntel",
    .model_id = "Common 32-bit KVM processor",
    .parent = &m_qemu32,
    .family = 15,
    .model = 6,
    .stepping = 1,
    .level = 0x5,
    .xlevel = 0x80000008,
    .features = "+mtrr +clflush +mca +pse36",
};
MODEL_TYPE(m_kvm32_v0, m_kvm32, "kvm32", 0, "kvm32-v1");
MODEL_TYPE(m_kvm32_v1, m_kvm32, "kvm32-v1", 1, NULL);

static const X86Model m_kvm64 = {
    .name = "kvm64",
    .vendor = "GenuineIntel",
    .model_id = "Common KVM processor",
    .parent = &m_kvm32,
    .family = 15,
    .model = 6,
    .stepping = 1,
    .level = 0xd,
    .xlevel = 0x80000008,
    .features = "+vme +cx16 +lm +syscall +nx",
};
MODEL_TYPE(m_kvm64_v0, m_kvm64, "kvm64", 0, "kvm64-v1");
MODEL_TYPE(m_kvm64_v1, m_kvm64, "kvm64-v1", 1, NULL);

static const X86Model m_athlon = {
    .name = "athlon",
    .vendor = "AuthenticAMD",
    .model_id = "QEMU Virtual CPU",
    .family = 6,
    .model = 2,
    .stepping = 3,
    .level = 0x2,
    .xlevel = 0x80000008,
    .features =
        "+fpu +de +pse +tsc +msr +pae +mce +cx8 +pge +cmov +pat +fxsr +mmx +sse +sse2 +apic +sep "
        "+pse36 +vme +mtrr +mca +mmxext +3dnow +3dnowext",
};
MODEL_TYPE(m_athlon_v0, m_athlon, "athlon", 0, "athlon-v1");
MODEL_TYPE(m_athlon_v1, m_athlon, "athlon-v1", 1, NULL);

static const X86Model m_coreduo = {
    .name = "coreduo",
    .vendor = "GenuineIntel",
    .model_id = "Genuine Intel(R) CPU           T2600  @ 2.16GHz",
    .family = 6,
    .model = 14,
    .stepping = 8,
    .level = 0xa,
    .xlevel = 0x80000008,
    .features =
        "+fpu +de +pse +tsc +msr +pae +mce +cx8 +pge +cmov +pat +fxsr +mmx +sse +sse2 +apic +sep "
        "+vme +mtrr +clflush +mca +ss +pni +nx",
};
MODEL_TYPE(m_coreduo_v0, m_coreduo, "coreduo", 0, "coreduo-v1");
MODEL_TYPE(m_coreduo_v1, m_coreduo, "coreduo-v1", 1, NULL);

static const X86Model m_core2duo = {
    .name = "core2duo",
    .vendor = "GenuineIntel",
    .model_id = "Intel(R) Core(TM)2 Duo CPU     T7700  @ 2.40GHz",
    .parent = &m_coreduo,
    .family = 6,
    .model = 15,
    .stepping = 11,
    .level = 0xa,
    .xlevel = 0x80000008,
    .features = "+pse36 +ssse3 +cx16 +lm +syscall +lahf-lm",
};
MODEL_TYPE(m_core2duo_v0, m_core2duo, "core2duo", 0, "core2duo-v1");
MODEL_TYPE(m_core2duo_v1, m_core2duo, "core2duo-v1", 1, NULL);

static const X86Model m_n270 = {
    .name = "n270",
    .vendor = "GenuineIntel",
    .model_id = "Intel(R) Atom(TM) CPU N270   @ 1.60GHz",
    .parent = &m_coreduo,
    .family = 6,
    .model = 28,
    .stepping = 2,
    .level = 0xa,
    .xlevel = 0x80000008,
    .features = "+ssse3 +movbe +lahf-lm",
};
MODEL_TYPE(m_n270_v0, m_n270, "n270", 0, "n270-v1");
MODEL_TYPE(m_n270_v1, m_n270, "n270-v1", 1, NULL);

static const X86Model m_phenom = {
    .name = "phenom",
    .vendor = "AuthenticAMD",
    .model_id = "AMD Phenom(tm) 9550 Quad-Core Processor",
    .parent = &m_qemu64,
    .family = 16,
    .model = 2,
    .stepping = 3,
    .level = 0x5,
    .xlevel = 0x8000001a,
    .features = "+vme +popcnt +fxsr-opt +mmxext +3dnow +3dnowext +rdtscp +pdpe1gb +abm +sse4a +npt",
};
MODEL_TYPE(m_phenom_v0, m_phenom, "phenom", 0, "phenom-v1");
MODEL_TYPE(m_phenom_v1, m_phenom, "phenom-v1", 1, NULL);

static const X86Model m_conroe = {
    .name = "Conroe",
    .vendor = "GenuineIntel",
    .model_id = "Intel Celeron_4x0 (Conroe/Merom Class Core 2)",
    .family = 6,
    .model = 15,
    .stepping = 3,
    .level = 0xa,
    .xlevel = 0x80000008,
    .features =
        "+fpu +vme +de +pse +tsc +msr +pae +mce +cx8 +apic +sep +mtrr +pge +mca +cmov +pat +pse36 "
        "+clflush +mmx +fxsr +sse +sse2 +pni +ssse3 +lm +syscall +nx +lahf-lm",
};
MODEL_TYPE(m_conroe_v0, m_conroe, "Conroe", 0, "Conroe-v1");
MODEL_TYPE(m_conroe_v1, m_conroe, "Conroe-v1", 1, NULL);

static const X86Model m_penryn = {
    .name = "Penryn",
    .vendor = "GenuineIntel",
    .model_id = "Intel Core 2 Duo P9xxx (Penryn Class Core 2)",
    .parent = &m_conroe,
    .family = 6,
    .model = 23,
    .stepping = 3,
    .level = 0xa,
    .xlevel = 0x80000008,
    .features = "+sse4.1 +cx16",
};
MODEL_TYPE(m_penryn_v0, m_penryn, "Penryn", 0, "Penryn-v1");
MODEL_TYPE(m_penryn_v1, m_penryn, "Penryn-v1", 1, NULL);

static const X86ModelVersion m_nehalem_versions[] = {
    {"Nehalem-IBRS", "+spec-ctrl", "Intel Core i7 9xx (Nehalem Core i7, IBRS update)", -1, -1},
    {0},
};
static const X86Model m_nehalem = {
    .name = "Nehalem",
    .vendor = "GenuineIntel",
    .model_id = "Intel Core i7 9xx (Nehalem Class Core i7)",
    .parent = &m_penryn,
    .family = 6,
    .model = 26,
    .stepping = 3,
    .level = 0xb,
    .xlevel = 0x80000008,
    .features = "+sse4.2 +popcnt",
    .versions = m_nehalem_versions,
};
MODEL_TYPE(m_nehalem_v0, m_nehalem, "Nehalem", 0, "Nehalem-v1");
MODEL_TYPE(m_nehalem_v1, m_nehalem, "Nehalem-v1", 1, NULL);
MODEL_TYPE(m_nehalem_v2, m_nehalem, "Nehalem-v2", 2, NULL);
MODEL_TYPE(m_nehalem_a2, m_nehalem, "Nehalem-IBRS", 2, "Nehalem-v2");

static const X86ModelVersion m_westmere_versions[] = {
    {"Westmere-IBRS", "+spec-ctrl +pclmulqdq", "Westmere E56xx/L56xx/X56xx (IBRS update)", -1, -1},
    {0},
};
static const X86Model m_westmere = {
    .name = "Westmere",
    .vendor = "GenuineIntel",
    .model_id = "Westmere E56xx/L56xx/X56xx (Nehalem-C)",
    .parent = &m_nehalem,
    .family = 6,
    .model = 44,
    .stepping = 1,
    .level = 0xb,
    .xlevel = 0x80000008,
    .features = "+aes +arat",
    .versions = m_westmere_versions,
};
MODEL_TYPE(m_westmere_v0, m_westmere, "Westmere", 0, "Westmere-v1");
MODEL_TYPE(m_westmere_v1, m_westmere, "Westmere-v1", 1, NULL);
MODEL_TYPE(m_westmere_v2, m_westmere, "Westmere-v2", 2, NULL);
MODEL_TYPE(m_westmere_a2, m_westmere, "Westmere-IBRS", 2, "Westmere-v2");

static const X86ModelVersion m_sandybridge_versions[] = {
    {"SandyBridge-IBRS", "+spec-ctrl", "Intel Xeon E312xx (Sandy Bridge, IBRS update)", -1, -1},
    {0},
};
static const X86Model m_sandybridge = {
    .name = "SandyBridge",
    .vendor = "GenuineIntel",
    .model_id = "Intel Xeon E312xx (Sandy Bridge)",
    .parent = &m_westmere,
    .family = 6,
    .model = 42,
    .stepping = 1,
    .level = 0xd,
    .xlevel = 0x80000008,
    .features = "+pclmulqdq +avx +xsave +xsaveopt +tsc-deadline +x2apic +rdtscp",
    .versions = m_sandybridge_versions,
};
MODEL_TYPE(m_sandybridge_v0, m_sandybridge, "SandyBridge", 0, "SandyBridge-v1");
MODEL_TYPE(m_sandybridge_v1, m_sandybridge, "SandyBridge-v1", 1, NULL);
MODEL_TYPE(m_sandybridge_v2, m_sandybridge, "SandyBridge-v2", 2, NULL);
MODEL_TYPE(m_sandybridge_a2, m_sandybridge, "SandyBridge-IBRS", 2, "SandyBridge-v2");

static const X86ModelVersion m_ivybridge_versions[] = {
    {"IvyBridge-IBRS", "+spec-ctrl", "Intel Xeon E3-12xx v2 (Ivy Bridge, IBRS)", -1, -1},
    {0},
};
static const X86Model m_ivybridge = {
    .name = "IvyBridge",
    .vendor = "GenuineIntel",
    .model_id = "Intel Xeon E3-12xx v2 (Ivy Bridge)",
    .parent = &m_sandybridge,
    .family = 6,
    .model = 58,
    .stepping = 9,
    .level = 0xd,
    .xlevel = 0x80000008,
    .features = "+rdrand +f16c +fsgsbase +smep +erms",
    .versions = m_ivybridge_versions,
};
MODEL_TYPE(m_ivybridge_v0, m_ivybridge, "IvyBridge", 0, "IvyBridge-v1");
MODEL_TYPE(m_ivybridge_v1, m_ivybridge, "IvyBridge-v1", 1, NULL);
MODEL_TYPE(m_ivybridge_v2, m_ivybridge, "IvyBridge-v2", 2, NULL);
MODEL_TYPE(m_ivybridge_a2, m_ivybridge, "IvyBridge-IBRS", 2, "IvyBridge-v2");

static const X86ModelVersion m_haswell_versions[] = {
    {"Haswell-noTSX", "-hle -rtm", "Intel Core Processor (Haswell, no TSX)", -1, 1},
    {"Haswell-IBRS", "+hle +rtm +spec-ctrl", "Intel Core Processor (Haswell, IBRS)", -1, 4},
    {"Haswell-noTSX-IBRS", "-hle -rtm", "Intel Core Processor (Haswell, no TSX, IBRS)", -1, 1},
    {0},
};
static const X86Model m_haswell = {
    .name = "Haswell",
    .vendor = "GenuineIntel",
    .model_id = "Intel Core Processor (Haswell)",
    .parent = &m_ivybridge,
    .family = 6,
    .model = 60,
    .stepping = 4,
    .level = 0xd,
    .xlevel = 0x80000008,
    .features = "+fma +movbe +pcid +bmi1 +bmi2 +avx2 +invpcid +hle +rtm +abm",
    .versions = m_haswell_versions,
};
MODEL_TYPE(m_haswell_v0, m_haswell, "Haswell", 0, "Haswell-v1");
MODEL_TYPE(m_haswell_v1, m_haswell, "Haswell-v1", 1, NULL);
MODEL_TYPE(m_haswell_v2, m_haswell, "Haswell-v2", 2, NULL);
MODEL_TYPE(m_haswell_a2, m_haswell, "Haswell-noTSX", 2, "Haswell-v2");
MODEL_TYPE(m_haswell_v3, m_haswell, "Haswell-v3", 3, NULL);
MODEL_TYPE(m_haswell_a3, m_haswell, "Haswell-IBRS", 3, "Haswell-v3");
MODEL_TYPE(m_haswell_v4, m_haswell, "Haswell-v4", 4, NULL);
MODEL_TYPE(m_haswell_a4, m_haswell, "Haswell-noTSX-IBRS", 4, "Haswell-v4");

static const X86ModelVersion m_broadwell_versions[] = {
    {"Broadwell-noTSX", "-hle -rtm", "Intel Core Processor (Broadwell, no TSX)", -1, -1},
    {"Broadwell-IBRS", "+hle +rtm +spec-ctrl", "Intel Core Processor (Broadwell, IBRS)", -1, -1},
    {"Broadwell-noTSX-IBRS", "-hle -rtm", "Intel Core Processor (Broadwell, no TSX, IBRS)", -1, -1},
    {0},
};
static const X86Model m_broadwell = {
    .name = "Broadwell",
    .vendor = "GenuineIntel",
    .model_id = "Intel Core Processor (Broadwell)",
    .parent = &m_haswell,
    .family = 6,
    .model = 61,
    .stepping = 2,
    .level = 0xd,
    .xlevel = 0x80000008,
    .features = "+rdseed +adx +smap +3dnowprefetch",
    .versions = m_broadwell_versions,
};
MODEL_TYPE(m_broadwell_v0, m_broadwell, "Broadwell", 0, "Broadwell-v1");
MODEL_TYPE(m_broadwell_v1, m_broadwell, "Broadwell-v1", 1, NULL);
MODEL_TYPE(m_broadwell_v2, m_broadwell, "Broadwell-v2", 2, NULL);
MODEL_TYPE(m_broadwell_a2, m_broadwell, "Broadwell-noTSX", 2, "Broadwell-v2");
MODEL_TYPE(m_broadwell_v3, m_broadwell, "Broadwell-v3", 3, NULL);
MODEL_TYPE(m_broadwell_a3, m_broadwell, "Broadwell-IBRS", 3, "Broadwell-v3");
MODEL_TYPE(m_broadwell_v4, m_broadwell, "Broadwell-v4", 4, NULL);
MODEL_TYPE(m_broadwell_a4, m_broadwell, "Broadwell-noTSX-IBRS", 4, "Broadwell-v4");

static const X86ModelVersion m_skylake_client_versions[] = {
    {"Skylake-Client-IBRS", "+spec-ctrl", "Intel Core Processor (Skylake, IBRS)", -1, -1},
    {"Skylake-Client-noTSX-IBRS", "-hle -rtm", "Intel Core Processor (Skylake, IBRS, no TSX)", -1,
     -1},
    {NULL, "+xsaves", NULL, -1, -1},
    {0},
};
static const X86Model m_skylake_client = {
    .name = "Skylake-Client",
    .vendor = "GenuineIntel",
    .model_id = "Intel Core Processor (Skylake)",
    .parent = &m_broadwell,
    .family = 6,
    .model = 94,
    .stepping = 3,
    .level = 0xd,
    .xlevel = 0x80000008,
    .features = "+xsavec +xgetbv1",
    .versions = m_skylake_client_versions,
};
MODEL_TYPE(m_skylake_client_v0, m_skylake_client, "Skylake-Client", 0, "Skylake-Client-v1");
MODEL_TYPE(m_skylake_client_v1, m_skylake_client, "Skylake-Client-v1", 1, NULL);
MODEL_TYPE(m_skylake_client_v2, m_skylake_client, "Skylake-Client-v2", 2, NULL);
MODEL_TYPE(m_skylake_client_a2, m_skylake_client, "Skylake-Client-IBRS", 2, "Skylake-Client-v2");
MODEL_TYPE(m_skylake_client_v3, m_skylake_client, "Skylake-Client-v3", 3, NULL);
MODEL_TYPE(m_skylake_client_a3, m_skylake_client, "Skylake-Client-noTSX-IBRS", 3,
           "Skylake-Client-v3");
MODEL_TYPE(m_skylake_client_v4, m_skylake_client, "Skylake-Client-v4", 4, NULL);

static const X86ModelVersion m_skylake_server_versions[] = {
    {"Skylake-Server-IBRS", "-clflushopt +spec-ctrl", "Intel Xeon Processor (Skylake, IBRS)", -1,
     -1},
    {"Skylake-Server-noTSX-IBRS", "-hle -rtm", "Intel Xeon Processor (Skylake, IBRS, no TSX)", -1,
     -1},
    {NULL, "", NULL, -1, -1},
    {NULL, "+xsaves", NULL, -1, -1},
    {0},
};
static const X86Model m_skylake_server = {
    .name = "Skylake-Server",
    .vendor = "GenuineIntel",
    .model_id = "Intel Xeon Processor (Skylake)",
    .parent = &m_skylake_client,
    .family = 6,
    .model = 85,
    .stepping = 4,
    .level = 0xd,
    .xlevel = 0x80000008,
    .features = "+pdpe1gb +clwb +clflushopt +avx512f +avx512dq +avx512bw +avx512cd +avx512vl +pku",
    .versions = m_skylake_server_versions,
};
MODEL_TYPE(m_skylake_server_v0, m_skylake_server, "Skylake-Server", 0, "Skylake-Server-v1");
MODEL_TYPE(m_skylake_server_v1, m_skylake_server, "Skylake-Server-v1", 1, NULL);
MODEL_TYPE(m_skylake_server_v2, m_skylake_server, "Skylake-Server-v2", 2, NULL);
MODEL_TYPE(m_skylake_server_a2, m_skylake_server, "Skylake-Server-IBRS", 2, "Skylake-Server-v2");
MODEL_TYPE(m_skylake_server_v3, m_skylake_server, "Skylake-Server-v3", 3, NULL);
MODEL_TYPE(m_skylake_server_a3, m_skylake_server, "Skylake-Server-noTSX-IBRS", 3,
           "Skylake-Server-v3");
MODEL_TYPE(m_skylake_server_v4, m_skylake_server, "Skylake-Server-v4", 4, NULL);
MODEL_TYPE(m_skylake_server_v5, m_skylake_server, "Skylake-Server-v5", 5, NULL);

static const X86ModelVersion m_cascadelake_server_versions[] = {
    {NULL, "+arch-capabilities", NULL, -1, -1},
    {"Cascadelake-Server-noTSX", "-hle -rtm", NULL, -1, -1},
    {NULL, "", NULL, -1, -1},
    {NULL, "+xsaves", NULL, -1, -1},
    {0},
};
static const X86Model m_cascadelake_server = {
    .name = "Cascadelake-Server",
    .vendor = "GenuineIntel",
    .model_id = "Intel Xeon Processor (Cascadelake)",
    .parent = &m_skylake_server,
    .family = 6,
    .model = 85,
    .stepping = 6,
    .level = 0xd,
    .xlevel = 0x80000008,
    .features = "+avx512vnni +spec-ctrl +ssbd",
    .versions = m_cascadelake_server_versions,
};
MODEL_TYPE(m_cascadelake_server_v0, m_cascadelake_server, "Cascadelake-Server", 0,
           "Cascadelake-Server-v1");
MODEL_TYPE(m_cascadelake_server_v1, m_cascadelake_server, "Cascadelake-Server-v1", 1, NULL);
MODEL_TYPE(m_cascadelake_server_v2, m_cascadelake_server, "Cascadelake-Server-v2", 2, NULL);
MODEL_TYPE(m_cascadelake_server_v3, m_cascadelake_server, "Cascadelake-Server-v3", 3, NULL);
MODEL_TYPE(m_cascadelake_server_a3, m_cascadelake_server, "Cascadelake-Server-noTSX", 3,
           "Cascadelake-Server-v3");
MODEL_TYPE(m_cascadelake_server_v4, m_cascadelake_server, "Cascadelake-Server-v4", 4, NULL);
MODEL_TYPE(m_cascadelake_server_v5, m_cascadelake_server, "Cascadelake-Server-v5", 5, NULL);

static const X86ModelVersion m_cooperlake_versions[] = {
    {NULL, "+xsaves", NULL, -1, -1},
    {0},
};
static const X86Model m_cooperlake = {
    .name = "Cooperlake",
    .vendor = "GenuineIntel",
    .model_id = "Intel Xeon Processor (Cooperlake)",
    .parent = &m_cascadelake_server,
    .family = 6,
    .model = 85,
    .stepping = 10,
    .level = 0xd,
    .xlevel = 0x80000008,
    .features = "+avx512-bf16 +stibp +arch-capabilities",
    .versions = m_cooperlake_versions,
};
MODEL_TYPE(m_cooperlake_v0, m_cooperlake, "Cooperlake", 0, "Cooperlake-v1");
MODEL_TYPE(m_cooperlake_v1, m_cooperlake, "Cooperlake-v1", 1, NULL);
MODEL_TYPE(m_cooperlake_v2, m_cooperlake, "Cooperlake-v2", 2, NULL);

static const X86ModelVersion m_icelake_server_versions[] = {
    {"Icelake-Server-noTSX", "-hle -rtm", NULL, -1, -1},
    {NULL, "+arch-capabilities", NULL, -1, -1},
    {NULL, "+sha-ni +avx512ifma +rdpid +fsrm", NULL, 106, 6},
    {NULL, "+xsaves", NULL, -1, -1},
    {NULL, "", NULL, -1, -1},
    {0},
};
static const X86Model m_icelake_server = {
    .name = "Icelake-Server",
    .vendor = "GenuineIntel",
    .model_id = "Intel Xeon Processor (Icelake)",
    .parent = &m_cascadelake_server,
    .family = 6,
    .model = 134,
    .stepping = 0,
    .level = 0xd,
    .xlevel = 0x80000008,
    .features =
        "+avx512vbmi +avx512vbmi2 +umip +gfni +vaes +vpclmulqdq +avx512bitalg +avx512-vpopcntdq "
        "+la57 +wbnoinvd",
    .versions = m_icelake_server_versions,
};
MODEL_TYPE(m_icelake_server_v0, m_icelake_server, "Icelake-Server", 0, "Icelake-Server-v1");
MODEL_TYPE(m_icelake_server_v1, m_icelake_server, "Icelake-Server-v1", 1, NULL);
MODEL_TYPE(m_icelake_server_v2, m_icelake_server, "Icelake-Server-v2", 2, NULL);
MODEL_TYPE(m_icelake_server_a2, m_icelake_server, "Icelake-Server-noTSX", 2, "Icelake-Server-v2");
MODEL_TYPE(m_icelake_server_v3, m_icelake_server, "Icelake-Server-v3", 3, NULL);
MODEL_TYPE(m_icelake_server_v4, m_icelake_server, "Icelake-Server-v4", 4, NULL);
MODEL_TYPE(m_icelake_server_v5, m_icelake_server, "Icelake-Server-v5", 5, NULL);
MODEL_TYPE(m_icelake_server_v6, m_icelake_server, "Icelake-Server-v6", 6, NULL);

static const X86ModelVersion m_sapphirerapids_versions[] = {
    {NULL, "", NULL, -1, -1},
    {NULL, "+cldemote +movdiri +movdir64b", NULL, -1, -1},
    {0},
};
static const X86Model m_sapphirerapids = {
    .name = "SapphireRapids",
    .vendor = "GenuineIntel",
    .model_id = "Intel Xeon Processor (SapphireRapids)",
    .parent = &m_icelake_server,
    .family = 6,
    .model = 143,
    .stepping = 4,
    .level = 0x20,
    .xlevel = 0x80000008,
    .features =
        "+sha-ni +avx512ifma +rdpid +fsrm +arch-capabilities +bus-lock-detect +xsaves +xfd "
        "+serialize +tsx-ldtrk +amx-bf16 +avx512-fp16 +amx-tile +amx-int8 +avx-vnni +avx512-bf16 "
        "+fzrm +fsrs +fsrc",
    .versions = m_sapphirerapids_versions,
};
MODEL_TYPE(m_sapphirerapids_v0, m_sapphirerapids, "SapphireRapids", 0, "SapphireRapids-v1");
MODEL_TYPE(m_sapphirerapids_v1, m_sapphirerapids, "SapphireRapids-v1", 1, NULL);
MODEL_TYPE(m_sapphirerapids_v2, m_sapphirerapids, "SapphireRapids-v2", 2, NULL);
MODEL_TYPE(m_sapphirerapids_v3, m_sapphirerapids, "SapphireRapids-v3", 3, NULL);

static const X86Model m_graniterapids = {
    .name = "GraniteRapids",
    .vendor = "GenuineIntel",
    .model_id = "Intel Xeon Processor (GraniteRapids)",
    .parent = &m_sapphirerapids,
    .family = 6,
    .model = 173,
    .stepping = 0,
    .level = 0x20,
    .xlevel = 0x80000008,
    .features = "+cldemote +movdiri +movdir64b +amx-fp16 +prefetchiti",
};
MODEL_TYPE(m_graniterapids_v0, m_graniterapids, "GraniteRapids", 0, "GraniteRapids-v1");
MODEL_TYPE(m_graniterapids_v1, m_graniterapids, "GraniteRapids-v1", 1, NULL);

static const X86ModelVersion m_denverton_versions[] = {
    {NULL, "", NULL, -1, -1},
    {NULL, "+xsaves", NULL, -1, -1},
    {0},
};
static const X86Model m_denverton = {
    .name = "Denverton",
    .vendor = "GenuineIntel",
    .model_id = "Intel Atom Processor (Denverton)",
    .family = 6,
    .model = 95,
    .stepping = 1,
    .level = 0x15,
    .xlevel = 0x80000008,
    .features =
        "+fpu +vme +de +pse +tsc +msr +pae +mce +cx8 +apic +sep +mtrr +pge +mca +cmov +pat +pse36 "
        "+clflush +mmx +fxsr +sse +sse2 +pni +pclmulqdq +ssse3 +cx16 +sse4.1 +sse4.2 +movbe "
        "+popcnt +tsc-deadline +aes +xsave +rdrand +x2apic +fsgsbase +smep +erms +rdseed +smap "
        "+clflushopt +sha-ni +arch-capabilities +spec-ctrl +ssbd +arat +xsaveopt +xsavec +xgetbv1 "
        "+syscall +nx +pdpe1gb +rdtscp +lm +lahf-lm +3dnowprefetch",
    .versions = m_denverton_versions,
};
MODEL_TYPE(m_denverton_v0, m_denverton, "Denverton", 0, "Denverton-v1");
MODEL_TYPE(m_denverton_v1, m_denverton, "Denverton-v1", 1, NULL);
MODEL_TYPE(m_denverton_v2, m_denverton, "Denverton-v2", 2, NULL);
MODEL_TYPE(m_denverton_v3, m_denverton, "Denverton-v3", 3, NULL);

static const X86ModelVersion m_snowridge_versions[] = {
    {NULL, "", NULL, -1, -1},
    {NULL, "+xsaves", NULL, -1, -1},
    {NULL, "-core-capability", NULL, -1, -1},
    {0},
};
static const X86Model m_snowridge = {
    .name = "Snowridge",
    .vendor = "GenuineIntel",
    .model_id = "Intel Atom Processor (SnowRidge)",
    .parent = &m_denverton,
    .family = 6,
    .model = 134,
    .stepping = 1,
    .level = 0x1b,
    .xlevel = 0x80000008,
    .features = "+clwb +umip +gfni +cldemote +movdiri +movdir64b +core-capability",
    .versions = m_snowridge_versions,
};
MODEL_TYPE(m_snowridge_v0, m_snowridge, "Snowridge", 0, "Snowridge-v1");
MODEL_TYPE(m_snowridge_v1, m_snowridge, "Snowridge-v1", 1, NULL);
MODEL_TYPE(m_snowridge_v2, m_snowridge, "Snowridge-v2", 2, NULL);
MODEL_TYPE(m_snowridge_v3, m_snowridge, "Snowridge-v3", 3, NULL);
MODEL_TYPE(m_snowridge_v4, m_snowridge, "Snowridge-v4", 4, NULL);

static const X86Model m_knightsmill = {
    .name = "KnightsMill",
    .vendor = "GenuineIntel",
    .model_id = "Intel Xeon Phi Processor (Knights Mill)",
    .parent = &m_broadwell,
    .family = 6,
    .model = 133,
    .stepping = 0,
    .level = 0xd,
    .xlevel = 0x80000008,
    .features = "-pcid -invpcid -hle -rtm -smap +pdpe1gb +avx512f +avx512cd +avx512er +avx512pf "
                "+avx512-vpopcntdq +avx512-4vnniw +avx512-4fmaps",
};
MODEL_TYPE(m_knightsmill_v0, m_knightsmill, "KnightsMill", 0, "KnightsMill-v1");
MODEL_TYPE(m_knightsmill_v1, m_knightsmill, "KnightsMill-v1", 1, NULL);

static const X86Model m_opteron_g1 = {
    .name = "Opteron_G1",
    .vendor = "AuthenticAMD",
    .model_id = "AMD Opteron 240 (Gen 1 Class Opteron)",
    .family = 15,
    .model = 6,
    .stepping = 1,
    .level = 0x5,
    .xlevel = 0x80000008,
    .features =
        "+fpu +vme +de +pse +tsc +msr +pae +mce +cx8 +apic +sep +mtrr +pge +mca +cmov +pat +pse36 "
        "+clflush +mmx +fxsr +sse +sse2 +pni +lm +syscall +nx",
};
MODEL_TYPE(m_opteron_g1_v0, m_opteron_g1, "Opteron_G1", 0, "Opteron_G1-v1");
MODEL_TYPE(m_opteron_g1_v1, m_opteron_g1, "Opteron_G1-v1", 1, NULL);

static const X86Model m_opteron_g2 = {
    .name = "Opteron_G2",
    .vendor = "AuthenticAMD",
    .model_id = "AMD Opteron 22xx (Gen 2 Class Opteron)",
    .parent = &m_opteron_g1,
    .family = 15,
    .model = 6,
    .stepping = 1,
    .level = 0x5,
    .xlevel = 0x80000008,
    .features = "+cx16 +svm +lahf-lm",
};
MODEL_TYPE(m_opteron_g2_v0, m_opteron_g2, "Opteron_G2", 0, "Opteron_G2-v1");
MODEL_TYPE(m_opteron_g2_v1, m_opteron_g2, "Opteron_G2-v1", 1, NULL);

static const X86Model m_opteron_g3 = {
    .name = "Opteron_G3",
    .vendor = "AuthenticAMD",
    .model_id = "AMD Opteron 23xx (Gen 3 Class Opteron)",
    .parent = &m_opteron_g2,
    .family = 16,
    .model = 2,
    .stepping = 3,
    .level = 0x5,
    .xlevel = 0x80000008,
    .features = "+popcnt +rdtscp +abm +sse4a +misalignsse",
};
MODEL_TYPE(m_opteron_g3_v0, m_opteron_g3, "Opteron_G3", 0, "Opteron_G3-v1");
MODEL_TYPE(m_opteron_g3_v1, m_opteron_g3, "Opteron_G3-v1", 1, NULL);

static const X86Model m_opteron_g4 = {
    .name = "Opteron_G4",
    .vendor = "AuthenticAMD",
    .model_id = "AMD Opteron 62xx class CPU",
    .parent = &m_opteron_g3,
    .family = 21,
    .model = 1,
    .stepping = 2,
    .level = 0xd,
    .xlevel = 0x8000001a,
    .features =
        "+avx +xsave +aes +sse4.1 +sse4.2 +ssse3 +pclmulqdq +pdpe1gb +fma4 +xop +3dnowprefetch "
        "+npt +nrip-save",
};
MODEL_TYPE(m_opteron_g4_v0, m_opteron_g4, "Opteron_G4", 0, "Opteron_G4-v1");
MODEL_TYPE(m_opteron_g4_v1, m_opteron_g4, "Opteron_G4-v1", 1, NULL);

static const X86Model m_opteron_g5 = {
    .name = "Opteron_G5",
    .vendor = "AuthenticAMD",
    .model_id = "AMD Opteron 63xx class CPU",
    .parent = &m_opteron_g4,
    .family = 21,
    .model = 2,
    .stepping = 0,
    .level = 0xd,
    .xlevel = 0x8000001a,
    .features = "+f16c +fma +tbm",
};
MODEL_TYPE(m_opteron_g5_v0, m_opteron_g5, "Opteron_G5", 0, "Opteron_G5-v1");
MODEL_TYPE(m_opteron_g5_v1, m_opteron_g5, "Opteron_G5-v1", 1, NULL);

static const X86ModelVersion m_epyc_versions[] = {
    {"EPYC-IBPB", "+ibpb", "AMD EPYC Processor (with IBPB)", -1, -1},
    {NULL, "+perfctr-core +clzero +xsaveerptr +xsaves", "AMD EPYC Processor", -1, -1},
    {NULL, "", NULL, -1, -1},
    {0},
};
static const X86Model m_epyc = {
    .name = "EPYC",
    .vendor = "AuthenticAMD",
    .model_id = "AMD EPYC Processor",
    .family = 23,
    .model = 1,
    .stepping = 2,
    .level = 0xd,
    .xlevel = 0x8000001e,
    .features =
        "+fpu +vme +de +pse +tsc +msr +pae +mce +cx8 +apic +sep +mtrr +pge +mca +cmov +pat +pse36 "
        "+clflush +mmx +fxsr +sse +sse2 +pni +pclmulqdq +ssse3 +fma +cx16 +sse4.1 +sse4.2 +movbe "
        "+popcnt +aes +xsave +avx +f16c +rdrand +syscall +nx +mmxext +fxsr-opt +pdpe1gb +rdtscp "
        "+lm +lahf-lm +svm +cr8legacy +abm +sse4a +misalignsse +3dnowprefetch +osvw +topoext "
        "+fsgsbase +bmi1 +avx2 +smep +bmi2 +rdseed +adx +smap +clflushopt +sha-ni +xsaveopt "
        "+xsavec +xgetbv1 +arat +npt +nrip-save",
    .versions = m_epyc_versions,
};
MODEL_TYPE(m_epyc_v0, m_epyc, "EPYC", 0, "EPYC-v1");
MODEL_TYPE(m_epyc_v1, m_epyc, "EPYC-v1", 1, NULL);
MODEL_TYPE(m_epyc_v2, m_epyc, "EPYC-v2", 2, NULL);
MODEL_TYPE(m_epyc_a2, m_epyc, "EPYC-IBPB", 2, "EPYC-v2");
MODEL_TYPE(m_epyc_v3, m_epyc, "EPYC-v3", 3, NULL);
MODEL_TYPE(m_epyc_v4, m_epyc, "EPYC-v4", 4, NULL);

static const X86ModelVersion m_epyc_rome_versions[] = {
    {NULL, "+ibrs +amd-ssbd", NULL, -1, -1},
    {NULL, "", NULL, -1, -1},
    {NULL, "-xsaves", NULL, -1, -1},
    {0},
};
static const X86Model m_epyc_rome = {
    .name = "EPYC-Rome",
    .vendor = "AuthenticAMD",
    .model_id = "AMD EPYC-Rome Processor",
    .parent = &m_epyc,
    .family = 23,
    .model = 49,
    .stepping = 0,
    .level = 0xd,
    .xlevel = 0x8000001e,
    .features =
        "+ibpb +perfctr-core +clzero +xsaveerptr +xsaves +wbnoinvd +clwb +rdpid +umip +amd-stibp",
    .versions = m_epyc_rome_versions,
};
MODEL_TYPE(m_epyc_rome_v0, m_epyc_rome, "EPYC-Rome", 0, "EPYC-Rome-v1");
MODEL_TYPE(m_epyc_rome_v1, m_epyc_rome, "EPYC-Rome-v1", 1, NULL);
MODEL_TYPE(m_epyc_rome_v2, m_epyc_rome, "EPYC-Rome-v2", 2, NULL);
MODEL_TYPE(m_epyc_rome_v3, m_epyc_rome, "EPYC-Rome-v3", 3, NULL);
MODEL_TYPE(m_epyc_rome_v4, m_epyc_rome, "EPYC-Rome-v4", 4, NULL);

static const X86ModelVersion m_epyc_milan_versions[] = {
    {NULL,
     "+vaes +vpclmulqdq +stibp-always-on +amd-psfd +no-nested-data-bp +lfence-always-serializing "
     "+null-sel-clr-base",
     NULL, -1, -1},
    {0},
};
static const X86Model m_epyc_milan = {
    .name = "EPYC-Milan",
    .vendor = "AuthenticAMD",
    .model_id = "AMD EPYC-Milan Processor",
    .parent = &m_epyc_rome,
    .family = 25,
    .model = 1,
    .stepping = 1,
    .level = 0xd,
    .xlevel = 0x8000001e,
    .features = "+ibrs +amd-ssbd +erms +fsrm +invpcid +pcid +pku +svme-addr-chk",
    .versions = m_epyc_milan_versions,
};
MODEL_TYPE(m_epyc_milan_v0, m_epyc_milan, "EPYC-Milan", 0, "EPYC-Milan-v1");
MODEL_TYPE(m_epyc_milan_v1, m_epyc_milan, "EPYC-Milan-v1", 1, NULL);
MODEL_TYPE(m_epyc_milan_v2, m_epyc_milan, "EPYC-Milan-v2", 2, NULL);

static const X86Model m_epyc_genoa = {
    .name = "EPYC-Genoa",
    .vendor = "AuthenticAMD",
    .model_id = "AMD EPYC-Genoa Processor",
    .parent = &m_epyc_milan,
    .family = 25,
    .model = 17,
    .stepping = 0,
    .level = 0xd,
    .xlevel = 0x80000022,
    .features =
        "+vaes +vpclmulqdq +stibp-always-on +amd-psfd +no-nested-data-bp "
        "+lfence-always-serializing +null-sel-clr-base +auto-ibrs +avx512f +avx512dq +avx512ifma "
        "+avx512cd +avx512bw +avx512vl +avx512vbmi +avx512vbmi2 +gfni +avx512vnni +avx512bitalg "
        "+avx512-vpopcntdq +avx512-bf16 +la57 +vnmi",
};
MODEL_TYPE(m_epyc_genoa_v0, m_epyc_genoa, "EPYC-Genoa", 0, "EPYC-Genoa-v1");
MODEL_TYPE(m_epyc_genoa_v1, m_epyc_genoa, "EPYC-Genoa-v1", 1, NULL);

static const X86Model m_dhyana = {
    .name = "Dhyana",
    .vendor = "HygonGenuine",
    .model_id = "Hygon Dhyana Processor",
    .parent = &m_epyc,
    .family = 24,
    .model = 0,
    .stepping = 1,
    .level = 0xd,
    .xlevel = 0x8000001e,
    .features = "+ibpb",
};
MODEL_TYPE(m_dhyana_v0, m_dhyana, "Dhyana", 0, "Dhyana-v1");
MODEL_TYPE(m_dhyana_v1, m_dhyana, "Dhyana-v1", 1, NULL);
