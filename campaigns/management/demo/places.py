"""Where the demo shop's customers live: names, cities, languages and numbers nobody has.

Telephone numbers are from ranges kept for fiction where a country has one, and otherwise from
ranges that no operator was given.
"""

from typing import NamedTuple


class Place(NamedTuple):
    """A country with what its customers are called and where they live."""

    country: str
    weight: int
    language: str
    time_zone: str
    hours_from_utc: int
    phone: str
    first_names: str
    last_names: str
    cities: str


# Names in other scripts carry their Latin spelling for the e-mail address: 伟/wei.
PLACES = (
    Place(
        "DE",
        20,
        "de",
        "Europe/Berlin",
        1,
        "+49140{:07d}",
        "Anna Lukas Marie Felix Lena Jonas Sophie Paul Clara Max Johanna Emil Greta Moritz Ida "
        "Karl Frieda Anton Lotte Jakob",
        "Müller/mueller Schmidt Schneider Fischer Weber Wagner Becker Hoffmann Koch Richter Klein "
        "Wolf Schröder/schroeder Neumann Braun Zimmermann Krüger/krueger Hartmann Lange Krause",
        "Berlin Hamburg München Köln Leipzig Dresden Stuttgart Bremen Freiburg",
    ),
    Place(
        "GB",
        16,
        "en",
        "Europe/London",
        0,
        "+447700900{:03d}",
        "Olivia George Amelia Harry Isla Noah Ava Jack Emily Leo Sophia Oscar Grace Arthur Freya "
        "Henry Poppy Alfie Ruby Theo",
        "Smith Jones Taylor Brown Williams Wilson Davies Evans Thomas Roberts Walker Wright "
        "Robinson Thompson Hughes Green Hall Wood Clarke Patel",
        "London Manchester Bristol Leeds Edinburgh Glasgow Cardiff Norwich Brighton",
    ),
    Place(
        "CN",
        14,
        "zh-hans",
        "Asia/Shanghai",
        8,
        "+86120{:08d}",
        "伟/wei 芳/fang 娜/na 敏/min 静/jing 强/qiang 磊/lei 洋/yang 艳/yan 勇/yong 杰/jie 丽/li "
        "涛/tao 明/ming 超/chao 秀英/xiuying 小红/xiaohong 建国/jianguo 雪/xue 佳怡/jiayi",
        "王/wang 李/li 张/zhang 刘/liu 陈/chen 杨/yang 黄/huang 赵/zhao 周/zhou 吴/wu 徐/xu 孙/sun "
        "马/ma 朱/zhu 胡/hu 林/lin 郭/guo 何/he 高/gao 罗/luo",
        "上海 北京 广州 深圳 杭州 成都 南京 武汉 西安",
    ),
    Place(
        "FR",
        11,
        "fr",
        "Europe/Paris",
        1,
        "+3363998{:04d}",
        "Emma Gabriel Louise Raphaël/raphael Jade Louis Alice Arthur Chloé/chloe Jules Léa/lea "
        "Hugo Manon Adam Camille Lucas Inès/ines Nathan Zoé/zoe Léo/leo",
        "Martin Bernard Dubois Thomas Robert Richard Petit Durand Leroy Moreau Simon Laurent "
        "Lefebvre Michel Garcia David Bertrand Roux Vincent Fournier",
        "Paris Lyon Marseille Toulouse Nantes Bordeaux Lille Rennes Strasbourg",
    ),
    Place(
        "US",
        12,
        "en",
        "America/New_York",
        -5,
        "+1{}55501{:02d}",
        "Emma Liam Olivia Noah Ava Ethan Mia Logan Harper Mason Ella James Aria Benjamin Luna "
        "Elijah Layla Lucas Chloe Henry",
        "Johnson Williams Brown Davis Miller Wilson Moore Anderson Jackson White Harris Martin "
        "Thompson Martinez Clark Lewis Lee Allen Young King",
        "Boston Brooklyn Philadelphia Atlanta Pittsburgh Baltimore Raleigh Cleveland Buffalo",
    ),
    Place(
        "ES",
        8,
        "es",
        "Europe/Madrid",
        1,
        "+34500{:06d}",
        "Lucía/lucia Martín/martin Sofía/sofia Hugo María/maria Mateo Paula Daniel Julia "
        "Alejandro Emma Pablo Carla Diego Alba Javier Sara Álvaro/alvaro Elena Marcos",
        "García/garcia Rodríguez/rodriguez González/gonzalez Fernández/fernandez López/lopez "
        "Martínez/martinez Sánchez/sanchez Pérez/perez Gómez/gomez Díaz/diaz Moreno Ruiz Torres "
        "Navarro Serrano Molina Ortega Rubio Castro Vega",
        "Madrid Barcelona Valencia Sevilla Zaragoza Málaga Bilbao Granada Vigo",
    ),
    Place(
        "JP",
        7,
        "ja",
        "Asia/Tokyo",
        9,
        "+8140{:08d}",
        "蓮/ren 陽菜/hina 湊/minato 結衣/yui 大翔/hiroto さくら/sakura 樹/itsuki 美咲/misaki "
        "悠真/yuma 葵/aoi 健太/kenta 愛/ai 翔太/shota 優子/yuko 直樹/naoki 恵/megumi",
        "佐藤/sato 鈴木/suzuki 高橋/takahashi 田中/tanaka 伊藤/ito 渡辺/watanabe 山本/yamamoto "
        "中村/nakamura 小林/kobayashi 加藤/kato 吉田/yoshida 山田/yamada 松本/matsumoto 井上/inoue",
        "東京 大阪 京都 札幌 福岡 名古屋 仙台 神戸",
    ),
    Place(
        "IT",
        5,
        "it",
        "Europe/Rome",
        1,
        "+39400{:07d}",
        "Sofia Leonardo Giulia Francesco Aurora Alessandro Alice Lorenzo Ginevra Mattia Emma "
        "Andrea Giorgia Gabriele Beatrice Riccardo",
        "Rossi Russo Ferrari Esposito Bianchi Romano Colombo Ricci Marino Greco Bruno Gallo Conti "
        "Costa Mancini Lombardi",
        "Milano Roma Torino Bologna Firenze Napoli Verona Padova",
    ),
    Place(
        "NL",
        4,
        "nl",
        "Europe/Amsterdam",
        1,
        "+3160{:07d}",
        "Emma Noah Julia Sem Mila Liam Tess Lucas Sophie Daan Zoë/zoe Finn Sara Levi Eva Bram",
        "Jansen Bakker Visser Smit Meijer Mulder Bos Vos Peters Hendriks Dekker Brouwer Dijkstra "
        "Smits Kok Postma",
        "Amsterdam Rotterdam Utrecht Haarlem Groningen Leiden Delft",
    ),
    Place(
        "BR",
        3,
        "pt",
        "America/Sao_Paulo",
        -3,
        "+551100{:07d}",
        "Helena Miguel Alice Arthur Laura Gael Maria Heitor Valentina Theo Luiza Davi "
        "Cecília/cecilia Bernardo Júlia/julia Pedro",
        "Silva Santos Oliveira Souza Rodrigues Ferreira Alves Pereira Lima Gomes Costa Ribeiro "
        "Martins Carvalho Almeida Lopes",
        "São_Paulo Campinas Santos Curitiba Recife Salvador",
    ),
)
