"""phe (python-paillier 1.5) on hepy: `from hepy.interop.phe import paillier` in place of `from phe import paillier`.

docs/interop-phe.md has the migration, and what of phe is here, differs, or is not there.
"""

__version__ = "1.5.0"  # of phe, whose interface this is: programs ask for it

from hepy.interop.phe import encoding as encoding
from hepy.interop.phe import jwk as jwk
from hepy.interop.phe import paillier as paillier
from hepy.interop.phe import util as util
from hepy.interop.phe.convert import from_hepy as from_hepy
from hepy.interop.phe.convert import from_phe as from_phe
from hepy.interop.phe.convert import to_phe as to_phe
from hepy.interop.phe.paillier import EncodedNumber as EncodedNumber
from hepy.interop.phe.paillier import EncryptedArray as EncryptedArray
from hepy.interop.phe.paillier import EncryptedNumber as EncryptedNumber
from hepy.interop.phe.paillier import PaillierPrivateKey as PaillierPrivateKey
from hepy.interop.phe.paillier import PaillierPrivateKeyring as PaillierPrivateKeyring
from hepy.interop.phe.paillier import PaillierPublicKey as PaillierPublicKey
from hepy.interop.phe.paillier import generate_paillier_keypair as generate_paillier_keypair
