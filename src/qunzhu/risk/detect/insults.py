"""Words of attack: what insults, what only swears, who is meant, and when somebody speaks about it instead.

Written for this product. Whether a word strikes a person here is decided in `attack.py`.
"""

INSULTS = """
傻逼 傻b 煞笔 沙比 傻比 傻叉 傻吊 傻屌 傻缺 傻狗 傻子 傻冒 傻帽 呆逼 二逼 二货 二百五 脑残 脑瘫 脑子有病 脑子有坑 脑子进水 没脑子 无脑 智障 弱智 低能 白痴 蠢货
蠢猪 蠢驴 蠢逼 蠢材 笨蛋 笨猪 饭桶 草包 废物 废柴 垃圾 人渣 败类 渣男 渣女 贱人 贱货 贱婢 贱种 犯贱 下贱 婊子 绿茶婊 心机婊 骚货 荡妇 破鞋 王八 王八蛋 龟孙 龟儿子
龟蛋 乌龟王八 狗东西 狗杂种 狗娘养的 狗日的 狗逼 狗腿子 舔狗 走狗 疯狗 死狗 狗屁 杂种 杂碎 野种 畜生 畜牲 禽兽 衣冠禽兽 猪狗不如 猪脑子 猪头 死猪 蠢蛋 混蛋 混账
混球 滚蛋 坏种 坏逼 恶心玩意 什么玩意 什么东西 不是东西 不要脸 没脸没皮 臭不要脸 厚颜无耻 无耻 无耻之徒 下三滥 下流 龌龊 卑鄙 小人 孬种 怂货 怂包 窝囊废 软蛋 丑八怪 沙雕 傻der 煞比 傻13 脑缠 猪脑 吃屎 吃粪 喷粪 满嘴喷粪 嘴臭 臭嘴 孤儿 司马 死妈 死妈玩意 没妈东西 狗叫 犬吠 爬虫 爪巴 蛆 臭虫 蟑螂 寄生虫 社会渣滓 渣滓 垃圾人 跳梁小丑 小丑 井底之蛙
丑逼 丑货 肥猪 死肥猪 死胖子 矮冬瓜 死矮子 土鳖 土包子 乡巴佬 穷逼 穷鬼 屌丝 矮穷矬 老不死 老东西 老女人 老妖婆 死老头 死老太婆 泼妇 妖艳贱货 变态 死变态 神经病 有病
精神病 疯子 疯婆子 杠精 喷子 键盘侠 圣母婊 戏精 巨婴 妈宝男 普信男 普信女 直男癌 田园女权 小仙女 母狗 公狗 母猪 拳师 国蝻 蝈蝻 蝻 龟男 洋奴 汉奸 卖国贼 叛徒 狗汉奸 恨国党
跪舔 河南骗子 偷井盖 南蛮 北佬 东北佬 乡下人 棒子 鬼子 小日本 阿三 黑鬼 尼哥 尼格 黑猩猩 黑皮 白皮猪 白垃圾 洋垃圾 绿绿 穆畜 支那 蛮夷 台巴子 台蛙 湾湾蛙 死基佬 死娘炮 娘炮 人妖
""".split()

CURSES = """
去死 去死吧 快去死 怎么不去死 怎么还不死 不得好死 死全家 全家死光 全家死绝 全家暴毙 你全家 祝你早死 早点死 咒你死 断子绝孙 生儿子没屁眼 出门被车撞 出门撞死 天打雷劈 下地狱
操你妈 草你妈 艹你妈 日你妈 干你娘 操你娘 曹尼玛 草泥马 操尼玛 尼玛死了 你妈死了 你马死了 你妈逼 你妈的 你妈了个 你奶奶的 你大爷的 操你大爷 操你祖宗 日你仙人 问候你全家 nmsl cnm
nmd nm死了 没爹妈 没妈 没妈的 有娘生没娘养 有爹生没爹教 没教养 没家教 爹妈没教 丢你老母 全家司马 全家火葬 妈死了 吗死了 操你m 草你m 日你m 干你m 操你🐎 仆街 扑街 冚家铲 撒泡尿照照 滚出去 滚远点 给老子滚 滚犊子 滚粗
""".split()

THREATS = """
弄死你 打死你 砍死你 杀了你 杀你全家 捅死你 揍死你 揍你 打断你的腿 废了你 做掉你 弄你 弄残你 找人弄你 找人打你 叫人打你 等着被打 你给我等着 你等着 你小心点 走着瞧 要你好看
要你命 见一次打一次 人肉你 扒了你的皮 剁了你 灭了你 收拾你 教你做人 让你混不下去 知道你住哪 知道你家 堵你 放学别走
""".split()

SWEARING = """
卧槽 我操 我草 我艹 我靠 靠北 他妈的 特么的 妈的 妈逼 妈蛋 tmd 草 操 艹 尼玛 尼玛的 mlgb wtf fuck shit 屌 牛逼 逼 鸡巴 几把 屁 放屁 扯淡 瞎扯 扯犊子
""".split()

# Who is meant: the person spoken to, or one named.
ADDRESS = """你 你们 您 尼 妮 汝 楼主 楼上 楼下 群主 管理员 这个人 这人 那个人 这货 那货 这家伙 这厮 某人 某些人""".split()

# Somebody condemns, doubts or describes hostility instead of being hostile.
ABOUT = """
歧视 偏见 刻板印象 污名化 标签化 贴标签 地域黑 地图炮 种族主义 性别歧视 地域歧视 种族歧视 网暴 网络暴力 辱骂 谩骂 骂人 人身攻击 言语攻击 侮辱 霸凌 欺负 仇恨言论 不尊重
反对歧视 拒绝歧视 抵制歧视 消除偏见 不应该歧视 不能歧视 不要歧视 不该歧视 平等 尊重 包容 理解 多元 一视同仁 平权 平等对待 换位思考 以偏概全 一棍子打死 一竿子打死 哪里都有好人
不能一概而论 不能代表 个别人 少数人 因人而异 好人坏人 不分地域 不分种族 不分性别 权利 权益 受害者 保护 关爱 支持 加油 反思 谴责 不公平 不公正 不公
""".split()

# In front of a hostile word: it is reported, quoted, refused or asked about, not said.
REPORTED = """
被骂 骂我 骂他 骂她 骂我是 骂人家 说我是 说他是 说她是 叫我 叫他 喊我 喊他 有人说 有人骂 别人说 别人骂 他说 她说 听到有人 看到有人 网上说 所谓 所谓的 所谓“ 什么叫 什么是 是什么意思 怎么翻译
不要说 别说 不能说 不该说 不要骂 别骂 不许骂 禁止 请勿 不是 并不是 才不是 不算 不叫 凭什么说 凭什么骂 为什么骂 为什么说 难道 谁说 觉得自己是 感觉自己是 我是 我真是 我就是 我这个 自己是 我好像 我太
""".split()

# Letters that stand for words; they must stand alone.
ABBREVIATIONS = {
    "sb": "insult", "2b": "insult", "s13": "insult", "nt": "insult", "zz": "insult", "fw": "insult", "mdzz": "insult",
    "cnm": "curse", "nmsl": "curse", "rnm": "curse", "nmd": "curse", "wdnmd": "curse", "cnmd": "curse", "nmlgb": "curse",
    "idiot": "insult", "moron": "insult", "stupid": "insult", "asshole": "insult", "bitch": "insult", "retard": "insult",
    "scum": "insult", "loser": "insult",
}  # fmt: skip
