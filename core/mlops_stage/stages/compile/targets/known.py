"""Architectures and features of processors that a target may name, in the words of the Linux kernel."""

from __future__ import annotations

from mlops_stage.errors import alike
from mlops_stage.evidence.redact import shown

_X86 = """
    3dnowprefetch abm adx aes amx_bf16 amx_complex amx_fp16 amx_int8 amx_tile avx avx2 avx512_4fmaps avx512_4vnniw avx512_bf16 avx512_bitalg avx512_fp16 avx512_vbmi2
    avx512_vnni avx512_vp2intersect avx512_vpopcntdq avx512bw avx512cd avx512dq avx512er avx512f avx512ifma avx512pf avx512vbmi avx512vl avx_ifma avx_ne_convert
    avx_vnni avx_vnni_int8 bmi1 bmi2 clflushopt clwb cmov cx16 cx8 erms f16c fma fma4 fpu fsgsbase fsrm fxsr gfni ht lahf_lm lm mmx mmxext movbe movdir64b
    movdiri pclmulqdq pdpe1gb pni popcnt rdrand rdseed rdtscp sha_ni sse sse2 sse4_1 sse4_2 sse4a ssse3 tbm vaes vpclmulqdq xop xsave xsavec xsaveopt
    cldemote clflush clzero fxsr_opt invpcid misalignsse nopl nx pae pse rdpid sep serialize syscall tsc waitpkg xgetbv1 xsaves
"""
_ARM64 = """
    aes asimd asimddp asimdfhm asimdhp asimdrdm atomics bf16 bti cpuid crc32 dcpop dgh dit ebf16 evtstrm fcma flagm flagm2 fp fphp frint i8mm ilrcpc jscvt lrcpc
    mops mte paca pacg pmull rng sb sha1 sha2 sha3 sha512 sm3 sm4 sme sme2 ssbs sve sve2 svebf16 svebitperm svef32mm svef64mm svei8mm svepmull uscat
"""
_ARM32 = "aes asimd crc32 edsp fastmult half idiva idivt lpae pmull sha1 sha2 swp thumb tls vfp vfpd32 vfpv3 vfpv3d16 vfpv4"
_S390 = "dflt edat eimm esan3 etf3eh gs highgprs ldisp msa nnpa sort stfle te vx vxd vxe vxe2 vxp zarch"
FEATURES = {
    "x86_64": frozenset(_X86.split()),
    "aarch64": frozenset(_ARM64.split()),
    "armv7l": frozenset(_ARM32.split()),
    "ppc64le": frozenset[str](),
    "riscv64": frozenset[str](),
    "s390x": frozenset(_S390.split()),
}
"""Architecture -> what a processor of it may have, as /proc/cpuinfo writes it; of some architectures it names nothing."""


def unknown_feature(arch: str, features: tuple[str, ...], also: dict[str, str]) -> tuple[str, str]:
    """The first feature that no processor of an architecture has, and what may have been meant; two empty texts where all are known.

    Args:
        arch: a key of `FEATURES`, or anything else for all of them.
        features: as the target names them.
        also: another word for a feature -> the kernel's.
    """
    known = FEATURES.get(arch, frozenset().union(*FEATURES.values()))
    words = sorted(known | {word for word, name in also.items() if name in known})
    for name in features:
        if name not in words:
            close = alike(name, words)
            hint = f"did you mean '{close}'?" if close else "write features as /proc/cpuinfo of such a machine does"
            return shown(name), hint
    return "", ""
