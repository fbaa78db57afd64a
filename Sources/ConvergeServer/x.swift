import Hummingbird
import Mustache
import GRDB
import Yams
import CCurl
import CPhone
import CSodium
import CZxcvbn
import CQREncode
import ConvergeCore
enum P {}
